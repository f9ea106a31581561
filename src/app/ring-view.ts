/**
 * What does the ring look like right now? Everyone at the place of their address, links coloured by kind; ours are
 * strong, those that others told us of are faint. Fires `choose-audience` when a dot is clicked.
 */
import { html, LitElement, nothing, svg } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { Address } from '../overlay/address.ts'
import { explainLink, LINK_WORDS, type LinkClass, linkClassOf } from './link-word.ts'
import { panelStyle } from './panel-style.ts'
import type { Person } from './people.ts'
import { DOT_RADIUS, layOutRing, type PlacedLink, type PlacedMember, pictureHeight } from './ring-layout.ts'
import { linksAmong } from './ring-links.ts'
import { ringStyle } from './ring-style.ts'
import type { Audience } from './space.ts'

const FIRST_WIDTH = 340

export class RingView extends LitElement {
  static override properties = {
    people: { attribute: false },
    self: { type: String },
    audience: { type: String },
    forming: { type: Boolean, reflect: true },
    width: { state: true },
  }
  static override styles = [panelStyle, ringStyle]
  declare people: Person[]
  declare self: Address
  declare audience: Audience
  /** While it is, everything is shown at its place at once. */
  declare forming: boolean
  declare width: number
  readonly #resize = new ResizeObserver(([entry]) => {
    const width = Math.round(entry?.contentRect.width ?? 0)
    if (width > 0) this.width = width
  })

  constructor() {
    super()
    this.width = FIRST_WIDTH
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#resize.observe(this)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#resize.disconnect()
  }

  override render() {
    const members = [{ address: this.self, name: 'You' }, ...this.people]
    const links = linksAmong(this.self, this.people)
    const height = pictureHeight(members.length, this.width)
    const picture = layOutRing(members, links, this.width, height)
    const seen = new Set(links.map(({ kind }) => linkClassOf(kind)))
    const { center, radius, fontSize } = picture
    return html`
      <h2 class="unseen">Ring</h2>
      <svg
        viewBox=${`0 0 ${this.width} ${height}`}
        height=${height}
        .style=${`font-size:${fontSize}px`}
        role="img"
        aria-label=${this.#describe(links.filter(({ own }) => own).length)}
        data-testid="ring"
      >
        <circle class="circle" cx=${center.x} cy=${center.y} r=${radius}></circle>
        ${repeat(
          [...picture.links].sort((a, b) => Number(a.own) - Number(b.own)),
          ({ a, b }) => a + b,
          (link) => this.#renderLink(link),
        )}
        ${repeat(
          picture.members,
          ({ address }) => address,
          (member) => this.#renderMember(member),
        )}
      </svg>
      ${seen.size === 0 ? nothing : html`<ul class="legend">${(['direct', 'relay', 'others'] as const).filter((link) => seen.has(link)).map(renderLegend)}</ul>`}
    `
  }

  #renderLink({ a, b, kind, own, path }: PlacedLink) {
    return svg`<path
      class=${`link ${linkClassOf(kind)} ${own ? 'ours' : ''}`}
      d=${path}
      data-testid="ring-link"
      data-kind=${kind}
      data-own=${own}
      data-from=${a}
      data-to=${b}
    ><title>${explainLink(kind)}</title></path>`
  }

  #renderMember({ address, name, x, y, label }: PlacedMember) {
    const self = address === this.self
    const link = linkClassOf(this.people.find((person) => person.address === address)?.kind)
    const chosen = this.audience === address
    return svg`<g
      class=${`member ${self ? 'self' : link} ${chosen ? 'chosen' : ''}`}
      data-testid="ring-node"
      data-address=${address}
      @click=${() => this.#choose(self || chosen ? 'all' : address)}
    >
      ${label.leader === undefined ? nothing : svg`<path class="leader" d=${label.leader}></path>`}
      <circle class="dot" r=${self ? DOT_RADIUS + 1 : DOT_RADIUS} .style=${`transform:translate(${x}px,${y}px)`}></circle>
      <text
        text-anchor=${label.anchor}
        dominant-baseline="central"
        .style=${`transform:translate(${label.x}px,${label.y}px)`}
      >${label.text}</text>
      <title>${name}</title>
    </g>`
  }

  #describe(own: number): string {
    const direct = this.people.filter(({ kind }) => kind === 'direct').length
    return `A ring of ${this.people.length + 1}. You have ${own} links of your own, ${direct} of them direct.`
  }

  #choose(audience: Audience): void {
    this.dispatchEvent(
      new CustomEvent<Audience>('choose-audience', { detail: audience, bubbles: true, composed: true }),
    )
  }
}

function renderLegend(link: LinkClass) {
  return html`<li>
    <svg width="26" height="8" aria-hidden="true"><path class="link ours ${link}" d="M1 4H25"></path></svg>
    ${LINK_WORDS[link]}
  </li>`
}

customElements.define('ring-view', RingView)
declare global {
  interface HTMLElementTagNameMap {
    'ring-view': RingView
  }
}
