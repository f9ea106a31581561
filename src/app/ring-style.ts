/**
 * What does the picture of the ring look like? Colour and dashes both tell a link's kind; changes fade in calmly, once the
 * ring stands: while it forms, everything changes several times a second, and motion would only cost what the links need.
 */
import { css } from 'lit'

export const ringStyle = css`
  svg {
    display: block;
    width: 100%;
    overflow: visible;
  }
  .circle {
    fill: none;
    stroke: var(--panel-border);
    stroke-width: 1.5;
  }
  .link {
    fill: none;
    stroke: currentColor;
    stroke-width: 1.25;
    stroke-linecap: round;
    opacity: 0.35;
    transition:
      color 0.5s,
      opacity 0.5s;
  }
  .link.ours {
    stroke-width: 2.25;
    opacity: 1;
  }
  .direct {
    color: var(--kind-direct);
  }
  .relay {
    color: var(--kind-relay);
  }
  .others {
    color: var(--kind-others);
  }
  .link.relay {
    stroke-dasharray: 7 5;
  }
  .link.others {
    stroke-dasharray: 1 5;
  }
  .member {
    cursor: pointer;
    transition: opacity 0.5s ease-out;
  }
  .dot {
    fill: currentColor;
    stroke: var(--panel);
    stroke-width: 2.5;
    transition:
      transform 0.5s ease-in-out,
      color 0.5s;
  }
  .member.others .dot {
    fill: var(--panel);
    stroke: currentColor;
    stroke-width: 2;
  }
  .self {
    color: var(--accent);
  }
  .leader {
    fill: none;
    stroke: var(--ink-quiet);
    stroke-width: 0.75;
    opacity: 0.6;
  }
  text {
    fill: var(--ink);
    transition: transform 0.5s ease-in-out;
  }
  .self text,
  .chosen text {
    font-weight: 600;
  }
  .chosen .dot {
    stroke: var(--accent);
    stroke-width: 3;
  }
  .member:hover text {
    text-decoration: underline;
    text-underline-offset: 2px;
  }
  @starting-style {
    .link,
    .link.ours,
    .member {
      opacity: 0;
    }
  }
  :host([forming]) :is(.link, .member, .dot, text) {
    transition: none;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    justify-content: center;
    gap: 0.2rem 1.1rem;
    list-style: none;
    margin: 0.25rem 0 0;
    padding: 0;
    font-size: 0.8rem;
    color: var(--ink-quiet);
  }
  .legend li {
    display: flex;
    align-items: center;
    gap: 0.4rem;
  }
  .legend svg {
    width: 26px;
  }
  @media (prefers-reduced-motion: reduce) {
    .link,
    .member,
    .dot,
    text {
      transition: none;
    }
  }
`
