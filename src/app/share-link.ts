/** How do others get here? The link to this space, a button that copies it, and one for all other ways of handing it on. */
import '@awesome.me/webawesome/dist/components/button/button.js'
import { css, html, LitElement } from 'lit'
import { panelStyle } from './panel-style.ts'

/** A guess: long enough to be seen. */
const COPIED_FOR_MS = 2_500

export class ShareLink extends LitElement {
  static override properties = { link: { type: String }, spaceName: { type: String }, copied: { state: true } }
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
      wa-button {
        flex: none;
      }
    `,
  ]
  declare link: string
  declare spaceName: string
  declare copied: 'no' | 'yes' | 'failed'
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor() {
    super()
    this.link = ''
    this.spaceName = ''
    this.copied = 'no'
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearTimeout(this.#timer)
  }

  override render() {
    return html`
      <div>
        <a href=${this.link} target="_blank" rel="noopener" title="Opens the space in another tab" data-testid="link"
          >${this.link}</a
        >
        <wa-button size="s" variant="brand" @click=${this.#copy} data-testid="copy-link">
          ${this.copied === 'yes' ? 'Copied' : 'Copy link'}
        </wa-button>
        <wa-button size="s" @click=${this.#share} data-testid="share">Share</wa-button>
      </div>
      <share-dialog .link=${this.link} .spaceName=${this.spaceName}></share-dialog>
      <span class="unseen" role="status">${this.copied === 'yes' ? 'The link is copied.' : ''}</span>
      ${this.copied === 'failed' ? html`<p class="quiet" role="alert">Press Ctrl+C to copy the selected link.</p>` : ''}
    `
  }

  /** Few need it, so it is loaded when it is wanted. */
  readonly #share = async () => {
    await import('./share-dialog.ts')
    const dialog = this.renderRoot.querySelector('share-dialog')
    if (dialog !== null) dialog.open = true
  }

  readonly #copy = async () => {
    clearTimeout(this.#timer)
    try {
      await navigator.clipboard.writeText(this.link)
      this.copied = 'yes'
    } catch {
      // Without permission or a secure context the best left is to select it for them.
      this.copied = 'failed'
      const text = this.renderRoot.querySelector('a')
      if (text !== null) getSelection()?.selectAllChildren(text)
    }
    this.#timer = setTimeout(() => {
      this.copied = 'no'
    }, COPIED_FOR_MS)
  }
}

customElements.define('share-link', ShareLink)
declare global {
  interface HTMLElementTagNameMap {
    'share-link': ShareLink
  }
}
