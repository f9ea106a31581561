/** Whose account signs in? A form for an account of one's own; fires `account` with an XmppOptions. */
import '@awesome.me/webawesome/dist/components/button/button.js'
import '@awesome.me/webawesome/dist/components/input/input.js'
import { css, html, LitElement, nothing } from 'lit'
import type { XmppOptions } from './entrance.ts'
import { panelStyle } from './panel-style.ts'
import { isService } from './space-link.ts'

export class AccountForm extends LitElement {
  static override properties = {
    service: { type: String },
    action: { type: String },
    jid: { type: String },
    primary: { type: Boolean },
    problem: { state: true },
  }
  static override styles = [
    panelStyle,
    css`
      .alert {
        color: var(--alert);
      }
    `,
  ]
  declare service: string
  declare action: string
  declare jid: string
  declare primary: boolean
  declare problem: string | undefined

  constructor() {
    super()
    this.service = ''
    this.jid = ''
    this.primary = false
    this.action = 'Sign in'
  }

  override render() {
    return html`
      <form @submit=${this.#submit} novalidate>
        <wa-input
          name="service"
          label="Service"
          placeholder="example.org or wss://example.org/xmpp-websocket"
          autocapitalize="off"
          autocomplete="url"
          data-testid="account-service"
          .value=${this.service}
        ></wa-input>
        <wa-input
          name="jid"
          label="Your address (JID)"
          placeholder="you@example.org"
          autocapitalize="off"
          autocomplete="username"
          data-testid="account-jid"
          .value=${this.jid}
        ></wa-input>
        <wa-input
          name="password"
          type="password"
          label="Password"
          hint="Kept in this page only; a reload asks again."
          autocomplete="current-password"
          password-toggle
          data-testid="account-password"
        ></wa-input>
        ${this.problem === undefined ? nothing : html`<p class="alert" role="alert">${this.problem}</p>`}
        <wa-button
          type="submit"
          variant=${this.primary ? 'brand' : 'neutral'}
          appearance=${this.primary ? 'accent' : 'outlined'}
          data-testid="use-account"
          >${this.action}</wa-button>
      </form>
    `
  }

  readonly #submit = (event: SubmitEvent) => {
    event.preventDefault()
    const data = new FormData(event.target as HTMLFormElement)
    const [service, jid] = [String(data.get('service') ?? '').trim(), String(data.get('jid') ?? '').trim()]
    const password = String(data.get('password') ?? '')
    this.problem = problemWith(service, jid, password)
    if (this.problem !== undefined) return
    const xmpp: XmppOptions = { service, jid, password, domain: jid.slice(jid.indexOf('@') + 1) }
    this.dispatchEvent(new CustomEvent<XmppOptions>('account', { detail: xmpp, bubbles: true, composed: true }))
  }
}

function problemWith(service: string, jid: string, password: string): string | undefined {
  if (!isService(service))
    return 'The service should be a domain such as example.org, or look like wss://example.org/xmpp-websocket.'
  if (!/^[^@\s/]+@[^@\s/]+$/.test(jid)) return 'Your address should look like you@example.org.'
  if (password === '') return 'Enter your password.'
  return undefined
}

customElements.define('account-form', AccountForm)
declare global {
  interface HTMLElementTagNameMap {
    'account-form': AccountForm
  }
}
