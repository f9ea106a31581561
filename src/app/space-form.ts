/** What shall the new space be called, and where do its people meet? Fires `create-space`. */
import '@awesome.me/webawesome/dist/components/button/button.js'
import '@awesome.me/webawesome/dist/components/checkbox/checkbox.js'
import '@awesome.me/webawesome/dist/components/input/input.js'
import type WaCheckbox from '@awesome.me/webawesome/dist/components/checkbox/checkbox.js'
import type WaInput from '@awesome.me/webawesome/dist/components/input/input.js'
import { css, html, LitElement, nothing } from 'lit'
import { panelStyle } from './panel-style.ts'
import { MAX_NAMESPACE_LENGTH, whatIsWrongWithName } from './space-link.ts'

export type NewSpace = {
  namespace: string
  /** Whether its people meet inside the public ring. */
  inside: boolean
}

export class SpaceForm extends LitElement {
  static override properties = { publicRing: { attribute: false }, problem: { state: true } }
  static override styles = [
    panelStyle,
    css`
      .alert {
        color: var(--alert);
      }
      summary {
        cursor: pointer;
        width: fit-content;
        font-size: 0.875rem;
        color: var(--ink-quiet);
      }
      wa-checkbox {
        margin-top: 0.75rem;
      }
    `,
  ]
  declare problem: string | undefined
  declare publicRing: string | undefined

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
        ${this.publicRing === undefined ? nothing : this.#renderWhere()}
      </form>
    `
  }

  /** Most need not know of it. */
  #renderWhere() {
    return html`<details>
      <summary>Where its people meet</summary>
      <wa-checkbox
        data-testid="inside"
        hint="They find each other through strangers' pages instead of the service; those learn how many they are and your network address, and no more."
        >Inside the public ring</wa-checkbox
      >
    </details>`
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
    const inside = this.renderRoot.querySelector<WaCheckbox>('wa-checkbox')?.checked === true
    const detail = { namespace: name, inside }
    this.dispatchEvent(new CustomEvent<NewSpace>('create-space', { detail, bubbles: true, composed: true }))
  }
}

customElements.define('space-form', SpaceForm)
declare global {
  interface HTMLElementTagNameMap {
    'space-form': SpaceForm
  }
}
