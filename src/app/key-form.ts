/** The link leads here without its key: which is it? Fires `key` with what was said. */
import '@awesome.me/webawesome/dist/components/button/button.js'
import '@awesome.me/webawesome/dist/components/input/input.js'
import { css, html, LitElement, nothing } from 'lit'
import { panelStyle } from './panel-style.ts'
import { MAX_SECRET_LENGTH } from './space-link.ts'

export class KeyForm extends LitElement {
  static override properties = { spaceName: { type: String }, problem: { state: true } }
  static override styles = [
    panelStyle,
    css`
      .alert {
        color: var(--alert);
      }
    `,
  ]
  declare spaceName: string
  declare problem: string | undefined

  override render() {
    return html`<form @submit=${this.#submit} novalidate>
      <h1>${this.spaceName}</h1>
      <p class="quiet">Whoever gave you this link has kept its key back. Ask them for it.</p>
      <wa-input
        name="key"
        size="l"
        label="Key of the space"
        maxlength=${MAX_SECRET_LENGTH}
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        enterkeyhint="go"
        data-testid="key-input"
      ></wa-input>
      ${this.problem === undefined ? nothing : html`<p class="alert" role="alert">${this.problem}</p>`}
      <wa-button type="submit" size="l" variant="brand" data-testid="use-key">Enter the space</wa-button>
    </form>`
  }

  readonly #submit = (event: SubmitEvent) => {
    event.preventDefault()
    const key = String(new FormData(event.target as HTMLFormElement).get('key') ?? '').trim()
    this.problem = key === '' ? 'The key is still missing.' : undefined
    if (key !== '') this.dispatchEvent(new CustomEvent<string>('key', { detail: key, bubbles: true, composed: true }))
  }
}

customElements.define('key-form', KeyForm)
declare global {
  interface HTMLElementTagNameMap {
    'key-form': KeyForm
  }
}
