/** Which spaces were opened here before? Links to them, and a way to forget each; fires `forget-space` with its fragment. */
import '@awesome.me/webawesome/dist/components/button/button.js'
import { css, html, LitElement, nothing } from 'lit'
import type { KnownSpace } from './known-spaces.ts'
import { panelStyle } from './panel-style.ts'

export class SpaceList extends LitElement {
  static override properties = { spaces: { attribute: false } }
  static override styles = [
    panelStyle,
    css`
      ul {
        list-style: none;
        margin: 0;
        padding: 0;
      }
      li {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 0.5rem;
      }
      a {
        overflow-wrap: anywhere;
        color: var(--accent);
      }
    `,
  ]
  declare spaces: readonly KnownSpace[]

  override render() {
    if (this.spaces.length === 0) return nothing
    return html`
      <h2>Opened here before</h2>
      <ul data-testid="known-spaces">
        ${this.spaces.map(
          ({ name, fragment }) => html`<li>
            <a href=${fragment}>${name}</a>
            <wa-button size="s" appearance="plain" aria-label=${`Forget ${name}`} @click=${() => this.#forget(fragment)}
              >Forget</wa-button
            >
          </li>`,
        )}
      </ul>
    `
  }

  readonly #forget = (fragment: string) =>
    this.dispatchEvent(new CustomEvent<string>('forget-space', { detail: fragment, bubbles: true, composed: true }))
}

customElements.define('space-list', SpaceList)
declare global {
  interface HTMLElementTagNameMap {
    'space-list': SpaceList
  }
}
