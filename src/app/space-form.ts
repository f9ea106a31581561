/** What shall the new space be called? One field and one button; fires `create-space` with the name. */
import '@awesome.me/webawesome/dist/components/button/button.js'
import '@awesome.me/webawesome/dist/components/input/input.js'
import type WaInput from '@awesome.me/webawesome/dist/components/input/input.js'
import { css, html, LitElement, nothing } from 'lit'
import { panelStyle } from './panel-style.ts'
import { MAX_NAMESPACE_LENGTH, whatIsWrongWithName } from './space-link.ts'

export class SpaceForm extends LitElement {
  static override properties = { problem: { state: true } }
  static override styles = [
    panelStyle,
    css`
      .alert {
        color: var(--alert);
      }
    `,
  ]
  declare problem: string | undefined

  override render() {
    return html`
      <form @submit=${this.#submit} novalidate>
        <wa-input
          name="name"
          size="l"
          label="Name a space"
          placeholder="Chess club"
          maxlength=${MAX_NAMESPACE_LENGTH}
          autocomplete="off"
          enterkeyhint="go"
          data-testid="space-name"
        ></wa-input>
        ${this.problem === undefined ? nothing : html`<p class="alert" role="alert">${this.problem}</p>`}
        <wa-button type="submit" size="l" variant="brand" data-testid="create-space">Open the space</wa-button>
      </form>
    `
  }

  override firstUpdated(): void {
    const input = this.renderRoot.querySelector<WaInput>('wa-input')
    // A phone would cover half the page with its keyboard.
    if (matchMedia('(hover: hover)').matches) void input?.updateComplete.then(() => input.focus())
  }

  readonly #submit = (event: SubmitEvent) => {
    event.preventDefault()
    const name = String(new FormData(event.target as HTMLFormElement).get('name') ?? '').trim()
    const wrong = whatIsWrongWithName(name)
    this.problem = wrong === undefined ? undefined : `This does not work yet: ${wrong}.`
    if (wrong !== undefined) return
    this.dispatchEvent(new CustomEvent<string>('create-space', { detail: name, bubbles: true, composed: true }))
  }
}

customElements.define('space-form', SpaceForm)
declare global {
  interface HTMLElementTagNameMap {
    'space-form': SpaceForm
  }
}
