/** What do all elements look like in common? Panels, quiet text and focus rings. */
import { css } from 'lit'

export const panelStyle = css`
  :host {
    display: block;
    color: var(--ink);
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  p {
    margin: 0;
  }
  h2 {
    font-size: 0.8rem;
    font-weight: 600;
    letter-spacing: 0.04em;
    text-transform: uppercase;
    color: var(--ink-quiet);
  }
  a {
    color: var(--accent);
  }
  .quiet {
    color: var(--ink-quiet);
    font-size: 0.875rem;
  }
  .card {
    background: var(--panel);
    border: 1px solid var(--panel-border);
    border-radius: 16px;
    padding: 1.5rem;
  }
  form {
    display: grid;
    gap: 1rem;
  }
  button {
    font: inherit;
    color: inherit;
  }
  button:focus-visible,
  a:focus-visible,
  summary:focus-visible {
    outline: 3px solid var(--accent);
    outline-offset: 2px;
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`
