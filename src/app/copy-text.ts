/** A button that copies a text, and says whether it did. Where it may not, the text is shown, selected, to be copied by hand. */
import '@awesome.me/webawesome/dist/components/button/button.js'
import { css, html, LitElement, nothing } from 'lit'
import { panelStyle } from './panel-style.ts'

/** A guess: long enough to be seen. */
const SAID_FOR_MS = 2_500

export class CopyText extends LitElement {
  static override properties = {
    text: { type: String },
    label: { type: String },
    variant: { type: String },
    copied: { state: true },
  }
  static override styles = [
    panelStyle,
    css`
      code {
        overflow-wrap: anywhere;
      }
    `,
  ]
  declare text: string
  declare label: string
  declare variant: 'neutral' | 'brand'
  declare copied: 'no' | 'yes' | 'failed'
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor() {
    super()
    this.text = ''
    this.label = 'Copy'
    this.variant = 'neutral'
    this.copied = 'no'
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearTimeout(this.#timer)
  }

  override render() {
    return html`<wa-button size="s" variant=${this.variant} @click=${this.#copy}>
        ${this.copied === 'yes' ? 'Copied' : this.label}
      </wa-button>
      <span class="unseen" role="status">${this.copied === 'yes' ? 'Copied.' : ''}</span>
      ${this.copied === 'failed' ? html`<p role="alert">Press Ctrl+C: <code>${this.text}</code></p>` : nothing}`
  }

  override updated(): void {
    const text = this.copied === 'failed' ? this.renderRoot.querySelector('code') : null
    if (text !== null) getSelection()?.selectAllChildren(text)
  }

  readonly #copy = async () => {
    clearTimeout(this.#timer)
    try {
      await navigator.clipboard.writeText(this.text)
      this.copied = 'yes'
    } catch {
      // Without permission or a secure context.
      this.copied = 'failed'
      return
    }
    this.#timer = setTimeout(() => {
      this.copied = 'no'
    }, SAID_FOR_MS)
  }
}

customElements.define('copy-text', CopyText)
declare global {
  interface HTMLElementTagNameMap {
    'copy-text': CopyText
  }
}
