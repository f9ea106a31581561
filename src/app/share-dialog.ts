/**
 * How does the link get to somebody who is not at this screen? As a code for a camera, by the system's share sheet where there is
 * one, and, if wanted, without its key, which is then told by another way.
 */
import '@awesome.me/webawesome/dist/components/button/button.js'
import '@awesome.me/webawesome/dist/components/checkbox/checkbox.js'
import '@awesome.me/webawesome/dist/components/dialog/dialog.js'
import type WaCheckbox from '@awesome.me/webawesome/dist/components/checkbox/checkbox.js'
import { css, html, LitElement, nothing } from 'lit'
import { OvertureError } from '../overture-error.ts'
import './copy-text.ts'
import './link-code.ts'
import { panelStyle } from './panel-style.ts'
import { parseSpaceLink, withoutKey } from './space-link.ts'

export class ShareDialog extends LitElement {
  static override properties = {
    link: { type: String },
    spaceName: { type: String },
    open: { type: Boolean },
    keyless: { state: true },
  }
  static override styles = [
    panelStyle,
    css`
      /* Its hidden labels reach beyond it: were it scrolled to what is focused, all of it would move aside. */
      wa-dialog::part(dialog) {
        overflow: clip;
      }
      .body {
        display: grid;
        justify-items: center;
        gap: 1rem;
      }
      .row {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem;
        justify-content: center;
      }
      .key {
        display: flex;
        align-items: center;
        gap: 0.5rem;
        overflow-wrap: anywhere;
      }
      wa-checkbox {
        justify-self: stretch;
      }
    `,
  ]
  declare link: string
  declare spaceName: string
  declare open: boolean
  declare keyless: boolean

  constructor() {
    super()
    this.link = ''
    this.spaceName = ''
    this.open = false
    this.keyless = false
  }

  override render() {
    const shown = this.#shown
    return html`<wa-dialog
      label=${`Share “${this.spaceName}”`}
      ?open=${this.open}
      light-dismiss
      @wa-after-hide=${this.#closed}
      data-testid="share-dialog"
    >
      <div class="body">
        <link-code .link=${shown} data-testid="link-code"></link-code>
        <div class="row">
          <copy-text .text=${shown} .label=${'Copy this link'} data-testid="copy-shown"></copy-text>
          ${'share' in navigator ? html`<wa-button variant="brand" @click=${this.#share}>Share…</wa-button>` : nothing}
        </div>
        <wa-checkbox
          hint="Who follows it is asked for the key; tell it by another way, so that nobody who sees the link alone gets in."
          @change=${this.#chooseKeyless}
          data-testid="keyless"
          >Leave the key out of the link</wa-checkbox
        >
        ${this.keyless ? this.#renderKey() : nothing}
      </div>
    </wa-dialog>`
  }

  #renderKey() {
    const link = parseSpaceLink(new URL(this.link).hash)
    if (link instanceof OvertureError) return nothing
    return html`<p class="key">
      <span>Key: <code data-testid="key">${link.secret}</code></span>
      <copy-text .text=${link.secret} .label=${'Copy the key'}></copy-text>
    </p>`
  }

  get #shown(): string {
    if (!this.keyless) return this.link
    const url = new URL(this.link)
    url.hash = withoutKey(url.hash)
    return url.href
  }

  readonly #chooseKeyless = (event: Event) => {
    this.keyless = (event.target as WaCheckbox).checked
  }

  /** Whoever closes the sheet without choosing has not met an error. */
  readonly #share = () => {
    void navigator.share({ title: this.spaceName, url: this.#shown }).catch(() => {})
  }

  readonly #closed = () => {
    this.open = false
  }
}

customElements.define('share-dialog', ShareDialog)
declare global {
  interface HTMLElementTagNameMap {
    'share-dialog': ShareDialog
  }
}
