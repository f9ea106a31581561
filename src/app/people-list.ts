/**
 * Who is here, and how are we connected? Oneself first, then everyone by name.
 * Fires `rename` with a name, and `choose-audience` with an address or `all`.
 */
import '@awesome.me/webawesome/dist/components/input/input.js'
import type WaInput from '@awesome.me/webawesome/dist/components/input/input.js'
import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { Address } from '../overlay/address.ts'
import { explainLink, LINK_WORDS, linkClassOf } from './link-word.ts'
import { panelStyle } from './panel-style.ts'
import type { Person } from './people.ts'
import { cleanName, MAX_NAME_LENGTH } from './person-name.ts'
import type { Audience } from './space.ts'

export class PeopleList extends LitElement {
  static override properties = {
    people: { attribute: false },
    self: { type: String },
    selfName: { type: String },
    audience: { type: String },
  }
  static override styles = [
    panelStyle,
    css`
      ul {
        list-style: none;
        margin: 0.5rem 0 0;
        padding: 0;
        display: grid;
        gap: 2px;
      }
      .person {
        display: grid;
        grid-template-columns: auto 1fr auto;
        align-items: center;
        gap: 0 0.65rem;
        width: 100%;
        padding: 0.45rem 0.6rem;
        border: 0;
        border-radius: 10px;
        background: none;
        text-align: start;
      }
      button.person {
        cursor: pointer;
      }
      button.person:hover {
        background: var(--bubble);
      }
      button.person[aria-pressed='true'] {
        background: color-mix(in oklab, var(--accent) 16%, transparent);
      }
      .dot {
        grid-row: span 2;
        width: 0.7rem;
        height: 0.7rem;
        border-radius: 50%;
        border: 2px solid currentColor;
      }
      .direct {
        color: var(--kind-direct);
        background: currentColor;
      }
      .relay {
        color: var(--kind-relay);
        background: linear-gradient(90deg, currentColor 50%, transparent 50%);
      }
      .others {
        color: var(--kind-others);
      }
      .self {
        grid-row: auto;
        color: var(--accent);
        background: currentColor;
      }
      .name {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        font-weight: 500;
        line-height: 1.3;
      }
      .how {
        grid-column: 2;
        color: var(--ink-quiet);
        font-size: 0.8rem;
        line-height: 1.3;
      }
      .delay {
        grid-row: 1 / span 2;
        grid-column: 3;
        color: var(--ink-quiet);
        font-size: 0.8rem;
        font-variant-numeric: tabular-nums;
      }
      wa-input {
        margin: 0.15rem 0;
      }
      wa-input::part(form-control-label) {
        font-size: 0.8rem;
        color: var(--ink-quiet);
        font-weight: 400;
      }
    `,
  ]
  declare people: Person[]
  declare self: Address
  declare selfName: string
  declare audience: Audience

  override render() {
    return html`
      <h2 id="title">People <span data-testid="people-count">${this.people.length + 1}</span></h2>
      <ul aria-labelledby="title">
        <li class="person" data-testid="person" data-self data-address=${this.self}>
          <span class="dot self" aria-hidden="true"></span>
          <wa-input
            size="s"
            label="Your name"
            maxlength=${MAX_NAME_LENGTH}
            autocomplete="nickname"
            .value=${this.selfName}
            @change=${this.#rename}
            data-testid="own-name"
          ></wa-input>
        </li>
        ${repeat(
          this.people,
          ({ address }) => address,
          (person) => this.#renderPerson(person),
        )}
      </ul>
    `
  }

  #renderPerson({ address, name, kind, rttMs }: Person) {
    const link = linkClassOf(kind)
    const chosen = this.audience === address
    return html`
      <li data-testid="person" data-address=${address} data-kind=${kind ?? 'none'}>
        <button
          class="person"
          aria-pressed=${chosen}
          title=${`${chosen ? 'Talk to everyone again.' : `Talk to ${name} alone.`} ${explainLink(kind)}`}
          @click=${() => this.#choose(chosen ? 'all' : address)}
        >
          <span class="dot ${link}" aria-hidden="true"></span>
          <span class="name">${name}</span>
          <span class="how">${LINK_WORDS[link]}</span>
          ${rttMs === undefined ? nothing : html`<span class="delay" title="There and back">${shownDelay(rttMs)}</span>`}
        </button>
      </li>
    `
  }

  #choose(audience: Audience): void {
    this.dispatchEvent(
      new CustomEvent<Audience>('choose-audience', { detail: audience, bubbles: true, composed: true }),
    )
  }

  readonly #rename = (event: Event) => {
    const input = event.target as WaInput
    const name = cleanName(input.value ?? '')
    if (name === undefined) input.value = this.selfName
    else this.dispatchEvent(new CustomEvent<string>('rename', { detail: name, bubbles: true, composed: true }))
  }
}

function shownDelay(rttMs: number): string {
  return rttMs < 1 ? '< 1 ms' : `${Math.round(rttMs)} ms`
}

customElements.define('people-list', PeopleList)
declare global {
  interface HTMLElementTagNameMap {
    'people-list': PeopleList
  }
}
