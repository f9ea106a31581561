/**
 * Which page is this? The root element: routes by the URL's fragment, signs in, and holds the space while it lasts.
 *
 *   no fragment → name a space · a link → sign in → the space · anything else → what is wrong with the link
 */
import '@awesome.me/webawesome/dist/components/button/button.js'
import { html, LitElement } from 'lit'
import './account-form.ts'
import './key-form.ts'
import './sign-in.ts'
import type { NewSpace } from './space-form.ts'
import './space-form.ts'
import './space-list.ts'
import './space-view.ts'
import { OvertureError } from '../overture-error.ts'
import { type JoinOptions, join } from '../peer/join.ts'
import type { Ring, Snapshot } from '../peer/ring.ts'
import { waitForTab } from '../peer/tab-lobby.ts'
import { appStyle } from './app-style.ts'
import { paced } from './change-pace.ts'
import { followColorScheme } from './color-scheme.ts'
import { Entrance, type XmppOptions } from './entrance.ts'
import { useOwnIcons } from './icon-library.ts'
import { forgetSpace, keepSpace, knownSpaces } from './known-spaces.ts'
import { OuterRing } from './outer-ring.ts'
import { withinPolicy } from './page-policy.ts'
import { panelStyle } from './panel-style.ts'
import { keepChosenName, loadName } from './person-name.ts'
import { loadServiceConfig, type ServiceConfig } from './service-config.ts'
import { Space } from './space.ts'
import {
  encodeSpaceLink,
  isCarriable,
  keylessNamespace,
  newSecret,
  parseSpaceLink,
  type SpaceLink,
  withKey,
} from './space-link.ts'

declare global {
  interface Window {
    /** What debuggers and end-to-end tests read while in a space. */
    __overture?: {
      snapshot(): Snapshot
      /** Of the public ring that the page is in, if any. */
      outer(): Snapshot | undefined
    }
  }
}

type Page =
  | { name: 'loading' }
  | { name: 'home' }
  | { name: 'bad-link'; error: OvertureError }
  | { name: 'keyless'; spaceName: string }
  | { name: 'entrance'; link: SpaceLink; entrance: Entrance }
  | { name: 'space'; link: SpaceLink; space: Space }

export class OvertureApp extends LitElement {
  static override properties = { page: { state: true }, version: { state: true }, account: { state: true } }
  static override styles = [panelStyle, appStyle]
  declare page: Page
  /** Rises with each change below, so that the elements look again. */
  declare version: number
  /** An account that was given to this page; a reload forgets it. */
  declare account: XmppOptions | undefined
  #config: ServiceConfig | undefined
  readonly #outer = new OuterRing((namespace, xmpp) =>
    join({ namespace, xmpp, serviceMayBeAway: false, localTabs: false }),
  )

  constructor() {
    super()
    this.page = { name: 'loading' }
    this.version = 0
  }

  override connectedCallback(): void {
    super.connectedCallback()
    followColorScheme()
    useOwnIcons()
    addEventListener('hashchange', this.#route)
    addEventListener('pagehide', this.#leavePage)
    addEventListener('pageshow', this.#comeBack)
    addEventListener('online', this.#tryNow)
    document.addEventListener('visibilitychange', this.#lookedAt)
    void loadServiceConfig().then((config) => {
      this.#config = config
      this.#route()
    })
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    removeEventListener('hashchange', this.#route)
    removeEventListener('pagehide', this.#leavePage)
    removeEventListener('pageshow', this.#comeBack)
    removeEventListener('online', this.#tryNow)
    document.removeEventListener('visibilitychange', this.#lookedAt)
    this.#leavePage()
  }

  override updated(): void {
    const { page } = this
    if (page.name === 'space') {
      const { unread } = page.space
      document.title = `${unread > 0 ? `(${unread}) ` : ''}${page.link.namespace} – Overture`
    } else {
      document.title = page.name === 'entrance' ? `${page.link.namespace} – Overture` : 'Overture'
    }
  }

  override render() {
    const { page } = this
    switch (page.name) {
      case 'loading':
        return html``
      case 'home':
        return this.#renderHome()
      case 'bad-link':
        return html`<div class="narrow">
          <section class="card">
            <h1>This link does not work</h1>
            <p role="alert" data-testid="error-sentence">${page.error.message}</p>
            <wa-button variant="brand" href="#" data-testid="new-space">Start a new space</wa-button>
          </section>
        </div>`
      case 'keyless':
        return html`<div class="narrow">
          <section class="card"><key-form .spaceName=${page.spaceName} @key=${this.#useKey}></key-form></section>
        </div>`
      case 'entrance':
        return html`<div class="narrow">
          <sign-in
            .state=${page.entrance.state}
            .xmpp=${page.entrance.xmpp}
            .spaceName=${page.link.namespace}
            @try-now=${this.#tryNow}
            @account=${this.#useAccount}
          ></sign-in>
        </div>`
      case 'space':
        return html`<space-view
          .space=${page.space}
          .spaceName=${page.link.namespace}
          .link=${location.href}
          .version=${this.version}
          @rename=${this.#rename}
        ></space-view>`
    }
  }

  #renderHome() {
    const account = this.account
    return html`<div class="narrow">
      <div class="brand">
        <img src="icon.svg" alt="" width="56" height="56" />
        <h1>Overture</h1>
        <p class="quiet">Open a space, share its link, and talk from browser to browser.</p>
      </div>
      <section class="card">
        <space-form .publicRing=${this.#config?.publicRing} @create-space=${this.#createSpace}></space-form>
        <space-list .spaces=${knownSpaces()} @forget-space=${this.#forgetSpace}></space-list>
        <details>
          <summary>
            ${account?.jid === undefined ? 'Use my own account' : html`Signing in as <strong>${account.jid}</strong>`}
          </summary>
          <account-form
            .service=${account?.service ?? this.#config?.service ?? ''}
            .jid=${account?.jid ?? ''}
            .action=${'Use this account'}
            @account=${this.#keepAccount}
          ></account-form>
        </details>
      </section>
    </div>`
  }

  readonly #route = () => {
    this.#leave()
    delete window.__overture
    if (location.hash === '' || location.hash === '#') {
      this.page = { name: 'home' }
      return
    }
    const keyless = keylessNamespace(location.hash)
    if (keyless !== undefined) {
      this.page = { name: 'keyless', spaceName: keyless }
      return
    }
    const link = parseSpaceLink(location.hash)
    if (link instanceof OvertureError) this.page = { name: 'bad-link', error: link }
    else this.#enter(link)
  }

  #enter(link: SpaceLink): void {
    const entrance = new Entrance(
      (xmpp, options) => withinPolicy(xmpp.service, () => this.#join(link, xmpp, options)),
      this.account ?? serviceOf(link, this.#config),
      () => this.#entranceChanged(link, entrance),
      (met) => waitForTab(link, met),
    )
    this.page = { name: 'entrance', link, entrance }
    entrance.start()
  }

  async #join(link: SpaceLink, xmpp: XmppOptions, options: { serviceMayBeAway: boolean }): Promise<Ring> {
    const { within } = link
    if (within === undefined) return join({ ...joinOptionsOf(link), xmpp, ...options })
    if (this.#config?.publicRing === undefined) throw OvertureError.noPublicRing(within)
    return join({ ...joinOptionsOf(link), within: await this.#outer.join(within, xmpp) })
  }

  #entranceChanged(link: SpaceLink, entrance: Entrance): void {
    const { state } = entrance
    if (state.name === 'inside') {
      const space = new Space(state.ring, loadName(), this.#changed)
      window.__overture = { snapshot: () => space.snapshot(), outer: () => this.#outer.snapshot() }
      this.page = { name: 'space', link, space }
      keepSpace(link)
      void this.#nameInviter(link, space)
    }
    this.version++
  }

  /** With an account of our own, the link to share names us, so that whoever follows it becomes our contact. */
  async #nameInviter(link: SpaceLink, space: Space): Promise<void> {
    const invitation = await space.ring.invite()
    if (invitation === undefined || this.page.name !== 'space' || this.page.space !== space) return
    const naming = { ...link, invitation }
    // Some addresses, such as those with an IPv6 domain, fit into no link, which is good without them, too.
    if (!isCarriable(naming)) return
    history.replaceState(history.state, '', encodeSpaceLink(naming))
    this.#changed()
  }

  /** A space changes in bursts, as a ring does. */
  readonly #draw = paced(() => {
    this.version++
  })

  readonly #changed = () => {
    this.#draw()
    if (!document.hidden) this.#read()
  }

  readonly #read = () => {
    if (!document.hidden && this.page.name === 'space') this.page.space.markRead()
  }

  readonly #lookedAt = () => {
    if (document.hidden) return
    this.#read()
    this.#tryNow()
  }

  readonly #leave = () => {
    const { page } = this
    if (page.name === 'space') page.space.leave()
    if (page.name === 'entrance') page.entrance.close()
  }

  readonly #leavePage = () => {
    this.#leave()
    this.#outer.leave()
  }

  /** Out of the back-forward cache: we said goodbye on the way in, so we join anew. */
  readonly #comeBack = (event: PageTransitionEvent) => {
    if (event.persisted) this.#route()
  }

  readonly #createSpace = ({ detail: { namespace, inside } }: CustomEvent<NewSpace>) => {
    const { service, domain } = this.account ?? this.#config ?? {}
    const within = inside ? this.#config?.publicRing : undefined
    location.hash = encodeSpaceLink({
      namespace,
      secret: newSecret(),
      ...(service === undefined ? {} : { service }),
      ...(domain === undefined ? {} : { domain }),
      ...(within === undefined ? {} : { within }),
    })
  }

  /** Back leads to where we were before the link, not to the question. */
  readonly #useKey = ({ detail }: CustomEvent<string>) => {
    location.replace(withKey(location.hash, detail))
  }

  readonly #forgetSpace = ({ detail }: CustomEvent<string>) => {
    forgetSpace(detail)
    this.version++
  }

  readonly #tryNow = () => {
    if (this.page.name === 'entrance') this.page.entrance.tryNow()
  }

  readonly #useAccount = ({ detail }: CustomEvent<XmppOptions>) => {
    this.account = detail
    if (this.page.name === 'entrance') this.page.entrance.use(detail)
  }

  readonly #keepAccount = ({ detail }: CustomEvent<XmppOptions>) => {
    this.account = detail
    this.renderRoot.querySelector('details')?.removeAttribute('open')
  }

  readonly #rename = ({ detail }: CustomEvent<string>) => keepChosenName(detail)
}

function joinOptionsOf({
  namespace,
  secret,
  invitation,
}: SpaceLink): Pick<JoinOptions, 'namespace'> & Partial<JoinOptions> {
  return { namespace, secret, ...(invitation === undefined ? {} : { invitation }) }
}

/** The link's word first: its people meet there. */
function serviceOf(link: SpaceLink, config: ServiceConfig | undefined): XmppOptions {
  const { service, domain } = link.service === undefined ? { service: config?.service ?? '', ...config } : link
  return { service: service ?? '', ...(domain === undefined ? {} : { domain }) }
}

customElements.define('overture-app', OvertureApp)
declare global {
  interface HTMLElementTagNameMap {
    'overture-app': OvertureApp
  }
}
