/** Test sessions: sessions, services and wires that a test opens and that are closed after it. For tests only. */
import { CuttableWire } from './cuttable-wire.ts'
import { memoryStorage } from './memory-storage.ts'
import { XmppSession } from './session.ts'
import type { SessionOptions } from './session-options.ts'

type TestService = { listen(): Promise<{ url: string }>; close(): Promise<void> }

const cleanups: (() => unknown)[] = []

/** Runs after the test, the last first. */
export function afterwards(clean: () => unknown): void {
  cleanups.push(clean)
}

export async function closeTestSessions(): Promise<void> {
  for (const clean of cleanups.splice(0).reverse()) await clean()
}

export async function serve(service: TestService): Promise<string> {
  afterwards(() => service.close())
  return (await service.listen()).url
}

export async function wireTo(url: string): Promise<CuttableWire> {
  const wire = await CuttableWire.to(url)
  afterwards(() => wire.close())
  return wire
}

export function newSession(service: string, options: Partial<SessionOptions> = {}): XmppSession {
  const session = new XmppSession({
    service,
    resource: 'balcony',
    storage: memoryStorage(),
    random: Math.random,
    ...options,
  })
  afterwards(() => void session.stop())
  return session
}

export async function online(url: string): Promise<XmppSession> {
  const session = newSession(url)
  await session.start()
  return session
}

export function fullJid(session: XmppSession): string {
  return session.jid ?? 'offline'
}
