/** How do others get here? The link to this space, a button that copies it, and one for all other ways of handing it on. */
import '@awesome.me/webawesome/dist/components/button/button.js'
import { css, html, LitElement } from 'lit'
import './copy-text.ts'
import { panelStyle } from './panel-style.ts'

export class ShareLink extends LitElement {
  static override properties = { link: { type: String }, spaceName: { type: String } }
  static override styles = [
    panelStyle,
    css`
      div {
        display: flex;
        align-items: center;
        gap: 0.5rem;
        min-width: 0;
      }
      a {
        flex: 1;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        padding: 0.4rem 0.75rem;
        border: 1px solid var(--panel-border);
        border-radius: 8px;
        background: var(--page);
        color: var(--ink-quiet);
        font-size: 0.875rem;
        text-decoration: none;
      }
      a:hover {
        color: var(--ink);
      }
      wa-button,
      copy-text {
        flex: none;
      }
    `,
  ]
  declare link: string
  declare spaceName: string

  constructor() {
    super()
    this.link = ''
    this.spaceName = ''
  }

  override render() {
    return html`
      <div>
        <a href=${this.link} target="_blank" rel="noopener" title="Opens the space in another tab" data-testid="link"
          >${this.link}</a
        >
        <copy-text .text=${this.link} .label=${'Copy link'} .variant=${'brand'} data-testid="copy-link"></copy-text>
        <wa-button size="s" @click=${this.#share} data-testid="share">Share</wa-button>
      </div>
      <share-dialog .link=${this.link} .spaceName=${this.spaceName}></share-dialog>
    `
  }

  /** Few need it, so it is loaded when it is wanted. */
  readonly #share = async () => {
    await import('./share-dialog.ts')
    const dialog = this.renderRoot.querySelector('share-dialog')
    if (dialog !== null) dialog.open = true
  }
}

customElements.define('share-link', ShareLink)
declare global {
  interface HTMLElementTagNameMap {
    'share-link': ShareLink
  }
}
