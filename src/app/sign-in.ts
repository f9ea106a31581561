/**
 * Why are we not in the space yet? Shows that signing in goes on, or what stands in its way and what to do.
 * Fires `try-now`, and `account` from the form for an account of one's own.
 */
import '@awesome.me/webawesome/dist/components/button/button.js'
import { css, html, LitElement, nothing } from 'lit'
import './account-form.ts'
import type { EntranceState, XmppOptions } from './entrance.ts'
import { panelStyle } from './panel-style.ts'

const COUNT_EVERY_MS = 250
const DOTS = html`<span class="dots" aria-hidden="true"><i></i><i></i><i></i></span>`

export class SignIn extends LitElement {
  static override properties = {
    state: { attribute: false },
    xmpp: { attribute: false },
    spaceName: { type: String },
    secondsLeft: { state: true },
    unfolded: { state: true },
  }
  static override styles = [
    panelStyle,
    css`
      .card {
        display: grid;
        gap: 1rem;
      }
      h1 {
        font-size: 1.35rem;
        line-height: 1.25;
        overflow-wrap: anywhere;
      }
      .working {
        display: flex;
        align-items: center;
        gap: 0.75rem;
      }
      .dots i {
        display: inline-block;
        width: 0.45rem;
        height: 0.45rem;
        margin-right: 0.2rem;
        border-radius: 50%;
        background: var(--accent);
        opacity: 0.25;
        /* Most are in before anybody wonders. */
        animation: breathe 1.4s ease-in-out 0.8s infinite;
      }
      .dots i:nth-child(2) {
        animation-delay: 1s;
      }
      .dots i:nth-child(3) {
        animation-delay: 1.2s;
      }
      @keyframes breathe {
        50% {
          opacity: 1;
        }
      }
      .sentence {
        padding: 0.9rem 1rem;
        border-radius: 10px;
        background: var(--alert-fill);
        color: var(--alert);
        overflow-wrap: anywhere;
      }
      .again {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 1rem;
      }
      details {
        border-top: 1px solid var(--panel-border);
        padding-top: 1rem;
      }
      summary {
        cursor: pointer;
        width: fit-content;
      }
      account-form {
        margin-top: 1rem;
      }
      @media (prefers-reduced-motion: reduce) {
        .dots i {
          animation: none;
        }
      }
    `,
  ]
  declare state: EntranceState
  declare xmpp: XmppOptions
  declare spaceName: string
  declare secondsLeft: number
  /** Whether the form was ever wanted: to make it takes about as long as to sign in. */
  declare unfolded: boolean
  #timer: ReturnType<typeof setInterval> | undefined

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearInterval(this.#timer)
  }

  override willUpdate(): void {
    clearInterval(this.#timer)
    if (this.state.name !== 'waiting') return
    this.#count()
    this.#timer = setInterval(() => this.#count(), COUNT_EVERY_MS)
  }

  override render() {
    const { state, xmpp } = this
    const refused = state.name === 'refused'
    return html`
      <section class="card" data-testid="sign-in" data-state=${state.name}>
        <h1>${this.spaceName}</h1>
        ${this.#renderState()}
        <details ?open=${refused} @toggle=${this.#unfold}>
          <summary>Use my own account</summary>
          ${
            refused || this.unfolded
              ? html`<account-form ?primary=${refused} .service=${xmpp.service} .jid=${xmpp.jid ?? ''}></account-form>`
              : nothing
          }
        </details>
      </section>
    `
  }

  #renderState() {
    const { state } = this
    const error = 'error' in state ? state.error : undefined
    if (error === undefined) {
      return html`
        <div class="working" role="status">
          ${DOTS}
          <span>Signing in at ${hostOf(this.xmpp.service)} …</span>
        </div>
      `
    }
    return html`
      <p class="sentence" role="alert" data-testid="error-sentence">${error.message}</p>
      <div class="again">${state.name === 'refused' ? html`<a href="#">Start another space</a>` : this.#renderCountdown()}
        <wa-button
          size="s"
          variant=${state.name === 'refused' ? 'neutral' : 'brand'}
          appearance=${state.name === 'refused' ? 'outlined' : 'accent'}
          ?disabled=${state.name === 'signing-in'}
          @click=${this.#tryNow}
          data-testid="retry"
          >${state.name === 'refused' ? 'Try again' : 'Try now'}</wa-button
        >
      </div>
    `
  }

  #renderCountdown() {
    if (this.state.name === 'signing-in') return html`<span class="working quiet">${DOTS} Trying …</span>`
    return html`<span class="quiet" data-testid="countdown" aria-hidden="true">
      Trying again in ${this.secondsLeft} s
    </span>`
  }

  #count(): void {
    if (this.state.name === 'waiting') {
      this.secondsLeft = Math.max(0, Math.ceil((this.state.retryAtMs - Date.now()) / 1_000))
    }
  }

  readonly #unfold = ({ target }: Event) => {
    this.unfolded ||= target instanceof HTMLDetailsElement && target.open
  }

  readonly #tryNow = () => {
    this.dispatchEvent(new CustomEvent('try-now', { bubbles: true, composed: true }))
  }
}

function hostOf(service: string): string {
  return /^wss?:/.test(service) && URL.canParse(service) ? new URL(service).host : service
}

customElements.define('sign-in', SignIn)
declare global {
  interface HTMLElementTagNameMap {
    'sign-in': SignIn
  }
}
