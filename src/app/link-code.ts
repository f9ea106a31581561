/** A link as a code (ISO/IEC 18004) that a phone's camera reads: dark on light, however dark the page is. */
import { css, html, LitElement, svg } from 'lit'
import { encode } from 'uqr'

/** ISO/IEC 18004 §6.3.8: light around the code, in its modules. */
const QUIET_ZONE = 4

export class LinkCode extends LitElement {
  static override properties = { link: { type: String } }
  static override styles = css`
    svg {
      display: block;
      inline-size: min(17rem, 70vw);
      border-radius: 8px;
      background: white;
    }
    path {
      fill: black;
    }
  `
  declare link: string

  constructor() {
    super()
    this.link = ''
  }

  override render() {
    const { data, size } = encode(this.link, { border: QUIET_ZONE })
    const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : [])))
    return html`<svg
      role="img"
      aria-label="The link as a code, to be read by a phone’s camera"
      viewBox=${`0 0 ${size} ${size}`}
      shape-rendering="crispEdges"
    >
      ${svg`<path d=${dark.join('')}></path>`}
    </svg>`
  }
}

customElements.define('link-code', LinkCode)
declare global {
  interface HTMLElementTagNameMap {
    'link-code': LinkCode
  }
}
