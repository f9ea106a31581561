/** What does a conversation look like? Bubbles: ours to the right, those between two with an edge of their own. */
import { css } from 'lit'

export const talkStyle = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 0;
  }
  .log {
    flex: 1;
    min-height: 0;
    overflow-y: auto;
    overscroll-behavior: contain;
    padding: 1rem;
    display: flex;
    flex-direction: column;
    gap: 0.65rem;
  }
  .log:focus-visible {
    outline: 3px solid var(--accent);
    outline-offset: -3px;
  }
  .empty {
    margin: auto;
    padding: 2rem 1rem;
    text-align: center;
    color: var(--ink-quiet);
    text-wrap: balance;
  }
  .empty strong {
    color: var(--ink);
    font-size: 1.1rem;
  }
  article {
    max-width: min(34rem, 85%);
    align-self: flex-start;
    animation: arrive 0.18s ease-out;
  }
  article:first-of-type {
    margin-top: auto;
  }
  article.own {
    align-self: flex-end;
  }
  @keyframes arrive {
    from {
      opacity: 0;
      transform: translateY(6px);
    }
  }
  header {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 0 0.5rem;
    margin: 0 0.75rem 0.15rem;
    font-size: 0.8rem;
    color: var(--ink-quiet);
  }
  .own header {
    justify-content: flex-end;
  }
  .author {
    font-weight: 600;
    color: var(--ink);
  }
  .private {
    color: var(--accent);
    font-weight: 500;
  }
  .text {
    width: fit-content;
    padding: 0.5rem 0.85rem;
    border-radius: 4px 16px 16px 16px;
    background: var(--bubble);
    white-space: pre-wrap;
    overflow-wrap: anywhere;
    unicode-bidi: plaintext;
  }
  .own .text {
    margin-left: auto;
    border-radius: 16px 4px 16px 16px;
    background: var(--bubble-own);
    color: var(--bubble-own-ink);
  }
  [data-private] .text {
    background: color-mix(in oklab, var(--accent) 14%, var(--panel));
    box-shadow: inset 0 0 0 1.5px var(--accent);
    color: var(--ink);
  }
  [data-delivery='sending'] .text,
  [data-delivery='undelivered'] .text {
    opacity: 0.65;
  }
  .undelivered,
  .sending {
    margin: 0.25rem 0.75rem 0;
    font-size: 0.8rem;
    text-align: end;
    color: var(--ink-quiet);
  }
  .undelivered {
    color: var(--alert);
  }
  .plain {
    border: 0;
    padding: 0;
    background: none;
    color: var(--accent);
    text-decoration: underline;
    text-underline-offset: 2px;
    cursor: pointer;
  }
  form {
    grid-template-columns: 1fr auto;
    gap: 0.4rem 0.5rem;
    align-items: end;
    padding: 0.6rem 1rem 1rem;
    border-top: 1px solid var(--panel-border);
  }
  .to {
    grid-column: 1 / -1;
    display: flex;
    justify-content: space-between;
    gap: 1rem;
    font-size: 0.8rem;
    color: var(--ink-quiet);
  }
  .to strong {
    color: var(--ink);
    font-weight: 600;
  }
  wa-input {
    min-width: 0;
  }
  wa-input::part(form-control-label) {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
  }
  @media (prefers-reduced-motion: reduce) {
    article {
      animation: none;
    }
  }
`
