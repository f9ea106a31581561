/** How does the page sit in the window? Cards in the middle, a space over the whole height. */
import { css } from 'lit'

export const appStyle = css`
  :host {
    height: 100dvh;
    overflow-y: auto;
  }
  .narrow {
    min-height: 100%;
    max-width: 27rem;
    margin: 0 auto;
    padding: 1.5rem 1rem 4rem;
    display: grid;
    align-content: center;
    gap: 1.75rem;
  }
  .brand {
    display: grid;
    justify-items: center;
    gap: 0.4rem;
    text-align: center;
    text-wrap: balance;
  }
  h1 {
    font-size: 1.75rem;
    line-height: 1.2;
  }
  .card {
    display: grid;
    gap: 1.25rem;
  }
  .card h1 {
    font-size: 1.35rem;
  }
  details {
    border-top: 1px solid var(--panel-border);
    padding-top: 1rem;
  }
  summary {
    cursor: pointer;
    width: fit-content;
    color: var(--ink-quiet);
    font-size: 0.875rem;
  }
  account-form {
    margin-top: 1rem;
  }
`
