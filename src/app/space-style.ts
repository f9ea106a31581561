/** How is a space laid out? A desktop shows all at once; below 760 px one of two panes shows at a time. */
import { css } from 'lit'

export const spaceStyle = css`
  :host {
    display: flex;
    flex-direction: column;
    gap: 0.75rem;
    height: 100%;
    max-width: 80rem;
    margin: 0 auto;
    padding: 0.9rem 1.25rem 1.25rem;
  }
  .top {
    display: grid;
    grid-template-columns: minmax(0, 1fr) minmax(0, 26rem) auto;
    align-items: center;
    gap: 0.5rem 1rem;
  }
  .title {
    display: flex;
    align-items: center;
    gap: 0.75rem;
    min-width: 0;
  }
  h1 {
    font-size: 1.35rem;
    line-height: 1.25;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .state {
    flex: none;
    padding: 0.1rem 0.6rem;
    border-radius: 99px;
    border: 1px solid var(--panel-border);
    color: var(--ink-quiet);
    font-size: 0.8rem;
  }
  .state[data-state='connected'] {
    color: var(--good);
    border-color: currentColor;
  }
  .calm {
    padding: 0.5rem 0.9rem;
    border-radius: 10px;
    background: var(--calm-fill);
    color: var(--calm);
    font-size: 0.9rem;
  }
  .warnings {
    display: grid;
    gap: 0.4rem;
    margin: 0;
    list-style: none;
  }
  .panes {
    display: none;
  }
  main {
    flex: 1;
    min-height: 0;
    display: grid;
    grid-template-columns: minmax(20rem, 27rem) minmax(0, 1fr);
    gap: 1rem;
  }
  .side,
  .talk {
    min-height: 0;
    background: var(--panel);
    border: 1px solid var(--panel-border);
    border-radius: 16px;
  }
  .side {
    overflow-y: auto;
    padding: 0.75rem 0.9rem 1rem;
    display: flex;
    flex-direction: column;
    gap: 1rem;
  }
  .talk {
    display: flex;
    overflow: hidden;
  }
  talk-view {
    flex: 1;
    min-width: 0;
  }
  .milestones {
    margin-top: auto;
    color: var(--ink-quiet);
    font-size: 0.75rem;
    text-align: center;
  }
  @media (max-width: 760px) {
    :host {
      padding: 0.75rem max(0.75rem, env(safe-area-inset-left)) max(0.75rem, env(safe-area-inset-bottom));
      gap: 0.6rem;
    }
    .top {
      grid-template-columns: minmax(0, 1fr) auto;
    }
    share-link {
      grid-column: 1 / -1;
      grid-row: 2;
    }
    .panes {
      display: grid;
      grid-template-columns: 1fr 1fr;
      gap: 3px;
      padding: 3px;
      border-radius: 12px;
      background: color-mix(in oklab, var(--panel-border) 60%, transparent);
    }
    .panes button {
      padding: 0.5rem;
      border: 0;
      border-radius: 9px;
      background: none;
      color: var(--ink-quiet);
    }
    .panes button[aria-pressed='true'] {
      background: var(--panel);
      color: var(--ink);
      font-weight: 600;
    }
    main {
      grid-template-columns: minmax(0, 1fr);
    }
    main[data-pane='talk'] .side,
    main[data-pane='people'] .talk {
      display: none;
    }
  }
`
