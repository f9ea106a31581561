/**
 * What is said, and to whom do we speak? One stream of messages; those between two are marked.
 * Fires `say` with { to, text }, `say-again` with an id, and `choose-audience`.
 */
import '@awesome.me/webawesome/dist/components/button/button.js'
import '@awesome.me/webawesome/dist/components/input/input.js'
import type WaInput from '@awesome.me/webawesome/dist/components/input/input.js'
import { html, LitElement, nothing, type PropertyValues } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { Address } from '../overlay/address.ts'
import { panelStyle } from './panel-style.ts'
import type { Audience, TalkMessage } from './space.ts'
import { MAX_TEXT_LENGTH } from './space-wire.ts'
import { talkStyle } from './talk-style.ts'

/** Nearer to the end than this, new messages scroll into view. A guess: two lines. */
const NEAR_END_PX = 60

export type Say = { to: Audience; text: string }

export class TalkView extends LitElement {
  static override properties = {
    messages: { attribute: false },
    audience: { type: String },
    nameOf: { attribute: false },
    alone: { type: Boolean },
  }
  static override styles = [panelStyle, talkStyle]
  declare messages: readonly TalkMessage[]
  declare audience: Audience
  declare nameOf: (address: Address) => string
  declare alone: boolean
  #atEnd = true

  override render() {
    const { audience } = this
    const everyone = audience === 'all'
    const whom = everyone ? 'everyone' : this.nameOf(audience)
    return html`
      <h2 class="unseen">Talk</h2>
      <div class="log" role="log" aria-live="polite" tabindex="0" aria-label="Messages">
        ${this.messages.length === 0 ? this.#renderEmpty() : nothing}
        ${repeat(
          this.messages,
          ({ id, from }) => from + id,
          (message) => this.#renderMessage(message),
        )}
      </div>
      <form @submit=${this.#submit}>
        <div class="to">
          <span>To <strong data-testid="audience">${whom}</strong>${everyone ? '' : ' only'}</span>
          ${
            everyone
              ? nothing
              : html`<button type="button" class="plain" @click=${this.#toAll} data-testid="to-all">To everyone</button>`
          }
        </div>
        <wa-input
          aria-label="Message"
          label=${`Message to ${whom}`}
          placeholder=${everyone ? 'Message to everyone' : `Message to ${whom} only`}
          maxlength=${MAX_TEXT_LENGTH}
          autocomplete="off"
          enterkeyhint="send"
          name="text"
          data-testid="talk-input"
        ></wa-input>
        <wa-button type="submit" variant="brand" data-testid="talk-send">Send</wa-button>
      </form>
    `
  }

  override willUpdate(changed: PropertyValues<this>): void {
    // To ask makes the browser lay the page out.
    if (!changed.has('messages')) return
    const log = this.renderRoot.querySelector('.log')
    this.#atEnd = log === null || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('messages') && (this.#atEnd || this.messages.at(-1)?.incoming === false)) {
      const log = this.renderRoot.querySelector('.log')
      log?.scrollTo({ top: log.scrollHeight })
    }
    if (changed.has('audience') && changed.get('audience') !== undefined) this.#input?.focus()
  }

  #renderEmpty() {
    return html`<div class="empty">
      ${
        this.alone
          ? html`<p><strong>You are alone here.</strong></p>
            <p>Share the link. Whoever opens it is in this space.</p>`
          : html`<p>Nothing has been said yet.</p>`
      }
    </div>`
  }

  #renderMessage({ id, from, to, text, atMs, incoming, delivery }: TalkMessage) {
    const author = this.nameOf(from)
    const toWhom = to === 'all' ? '' : incoming ? 'only to you' : `only to ${this.nameOf(to)}`
    return html`
      <article
        class=${incoming ? 'incoming' : 'own'}
        ?data-private=${to !== 'all'}
        data-testid="message"
        data-from=${from}
        data-to=${to}
        data-delivery=${delivery.name}
      >
        <header>
          <span class="author">${incoming ? author : 'You'}</span>
          ${toWhom === '' ? nothing : html`<span class="private">${toWhom}</span>`}
          <time datetime=${new Date(atMs).toISOString()}>${shownTime(atMs)}</time>
        </header>
        <p class="text" data-testid="message-text">${text}</p>
        ${
          delivery.name === 'undelivered'
            ? html`<p class="undelivered" data-testid="undelivered">
                Not delivered. ${delivery.reason}
                <button class="plain" @click=${() => this.#sayAgain(id)}>Send again</button>
              </p>`
            : nothing
        }
        ${delivery.name === 'sending' ? html`<p class="sending">Sending …</p>` : nothing}
      </article>
    `
  }

  get #input(): WaInput | null {
    return this.renderRoot.querySelector('wa-input')
  }

  #sayAgain(id: string): void {
    this.dispatchEvent(new CustomEvent<string>('say-again', { detail: id, bubbles: true, composed: true }))
  }

  readonly #toAll = () => {
    this.dispatchEvent(new CustomEvent<Audience>('choose-audience', { detail: 'all', bubbles: true, composed: true }))
  }

  readonly #submit = (event: SubmitEvent) => {
    event.preventDefault()
    const input = this.#input
    const text = (input?.value ?? '').trim()
    if (input === null || text === '') return
    input.value = ''
    this.dispatchEvent(
      new CustomEvent<Say>('say', { detail: { to: this.audience, text }, bubbles: true, composed: true }),
    )
    input.focus()
  }
}

function shownTime(atMs: number): string {
  return new Date(atMs).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
}

customElements.define('talk-view', TalkView)
declare global {
  interface HTMLElementTagNameMap {
    'talk-view': TalkView
  }
}
