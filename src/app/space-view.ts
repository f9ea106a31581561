/** What is it like in a space? Puts the people, the talk, the ring and the link side by side, or behind two tabs on a phone. */
import '@awesome.me/webawesome/dist/components/button/button.js'
import { html, LitElement, nothing } from 'lit'
import './people-list.ts'
import './ring-view.ts'
import './share-link.ts'
import './talk-view.ts'
import type { Address } from '../overlay/address.ts'
import type { Milestones, RingState } from '../peer/ring.ts'
import { panelStyle } from './panel-style.ts'
import type { Audience, Space } from './space.ts'
import { spaceStyle } from './space-style.ts'
import type { Say } from './talk-view.ts'

const STATE_WORDS: Record<RingState, string> = { alone: 'alone', joining: 'joining', connected: 'connected' }

export class SpaceView extends LitElement {
  static override properties = {
    space: { attribute: false },
    spaceName: { type: String },
    link: { type: String },
    /** Rises with each change of the space, which is one object for its whole life. */
    version: { type: Number },
    audience: { state: true },
    pane: { state: true },
  }
  static override styles = [panelStyle, spaceStyle]
  declare space: Space
  declare spaceName: string
  declare link: string
  declare version: number
  declare audience: Audience
  declare pane: 'talk' | 'people'
  #reason = 'The XMPP service is away.'

  constructor() {
    super()
    this.audience = 'all'
    this.pane = 'talk'
  }

  override willUpdate(): void {
    const { audience } = this
    // Whom we spoke to has left: do not keep on speaking to nobody.
    if (audience !== 'all' && !this.space.people.some(({ address }) => address === audience)) this.audience = 'all'
  }

  override render() {
    const { space, audience } = this
    const { people, name, state } = space
    const { address: self, milestones, within } = space.ring
    return html`
      <header class="top">
        <div class="title">
          <h1>${this.spaceName}</h1>
          <span class="state" role="status" data-testid="state" data-state=${state}>${STATE_WORDS[state]}</span>
        </div>
        <share-link .link=${this.link} .spaceName=${this.spaceName}></share-link>
        <wa-button size="s" appearance="plain" href="#" data-testid="leave">Leave</wa-button>
      </header>
      ${this.#renderService()}
      <nav class="panes" aria-label="Show">
        ${this.#renderPaneButton('talk', 'Talk')} ${this.#renderPaneButton('people', `People (${people.length + 1})`)}
      </nav>
      <main data-pane=${this.pane} @choose-audience=${this.#chooseAudience}>
        <section class="side">
          <ring-view
            .people=${people}
            .self=${self}
            .forming=${milestones.connectedMs === undefined}
            .audience=${audience}
          ></ring-view>
          <people-list
            .people=${people}
            .self=${self}
            .selfName=${name}
            .audience=${audience}
            @rename=${this.#rename}
          ></people-list>
          ${this.#renderWarnings()} ${this.#renderMilestones(milestones, within)}
        </section>
        <section class="talk">
          <talk-view
            .messages=${space.messages}
            .audience=${audience}
            .nameOf=${this.#nameOf}
            .alone=${people.length === 0}
            @say=${this.#say}
            @say-again=${this.#sayAgain}
          ></talk-view>
        </section>
      </main>
    `
  }

  #renderService() {
    const { service, people } = this.space
    if (service.name !== 'offline') return nothing
    const others = people.length === 0 ? 'Others cannot find you until it is back' : 'The ring goes on without it'
    // Who has never been signed in needs to know what stands in the way.
    const sentence = this.space.hasSignedIn
      ? `The XMPP service is away. ${others}; reconnecting.`
      : `${this.#whyAway(service.reason)} Until it lets us in, only tabs of this browser meet here.`
    return html`<p class="calm" role="status" data-testid="service-banner">${sentence}</p>`
  }

  #renderWarnings() {
    const { warnings } = this.space
    if (warnings.length === 0) return nothing
    return html`<ul class="warnings calm" role="status" aria-label="Warnings" data-testid="warnings">
      ${warnings.map((warning) => html`<li>${warning}</li>`)}
    </ul>`
  }

  /** The reason does not change while one more attempt is under way. */
  #whyAway(reason: string): string {
    if (reason !== 'connecting') this.#reason = reason
    return this.#reason
  }

  #renderPaneButton(pane: 'talk' | 'people', label: string) {
    return html`<button
      aria-pressed=${this.pane === pane}
      data-testid=${`pane-${pane}`}
      @click=${() => {
        this.pane = pane
      }}
    >
      ${label}
    </button>`
  }

  /** How we got here, in the order in which it happened (the paper's four times). */
  #renderMilestones({ reflectionMs, rendezvousMs, relayingMs, connectedMs }: Milestones, within: string | undefined) {
    const steps = [
      { what: within === undefined ? 'signed in' : 'in the public ring', ms: reflectionMs },
      { what: 'saw others', ms: rendezvousMs },
      { what: 'first link', ms: relayingMs },
      { what: 'connected', ms: connectedMs },
    ].filter(({ ms }) => ms !== undefined)
    if (steps.length === 0) return nothing
    const way = within === undefined ? nothing : html` Met inside the public ring “${within}”.`
    const told = steps.map(({ what, ms }) => `${what} after ${shownSeconds(ms as number)}`)
    return html`<p class="milestones" data-testid="milestones">${told.join(', ')}.${way}</p>`
  }

  readonly #nameOf = (address: Address): string => this.space.nameOf(address)

  readonly #chooseAudience = ({ detail }: CustomEvent<Audience>) => {
    this.audience = detail
    if (detail !== 'all') this.pane = 'talk'
  }

  readonly #say = ({ detail: { to, text } }: CustomEvent<Say>) => this.space.say(to, text)

  readonly #sayAgain = ({ detail }: CustomEvent<string>) => this.space.sayAgain(detail)

  readonly #rename = ({ detail }: CustomEvent<string>) => this.space.rename(detail)
}

function shownSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}

customElements.define('space-view', SpaceView)
declare global {
  interface HTMLElementTagNameMap {
    'space-view': SpaceView
  }
}
