/** Does a STUN server answer? One Binding request over UDP, repeated while nothing comes (RFC 5389 §6, §7.2.1). */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'

const BINDING_REQUEST = 0x0001
const BINDING_SUCCESS = 0x0101
const MAGIC_COOKIE = 0x2112a442
const HEADER_BYTES = 20
const XOR_MAPPED_ADDRESS = 0x0020
const FAMILY_IPV4 = 1

const REPEATED_AFTER_MS = [500, 1_500] // RFC 5389 §7.2.1: 500 ms, then twice as long.
const PATIENCE_MS = 3_500

export type Binding = { ms: number; seenAs: string | undefined }

/** Undefined where nothing answers. Never rejects. */
export async function askStun(host: string, port: number): Promise<Binding | undefined> {
  const found = await lookup(host).catch(() => undefined)
  if (found === undefined) return undefined
  const id = randomBytes(12)
  const request = bindingRequest(id)
  const socket = createSocket(found.family === 6 ? 'udp6' : 'udp4')
  const timers: NodeJS.Timeout[] = []
  const startedMs = performance.now()
  try {
    return await new Promise((resolve) => {
      const send = () => socket.send(request, port, found.address, (error) => error && resolve(undefined))
      socket.on('error', () => resolve(undefined))
      socket.on('message', (message) => {
        const answer = readBinding(message, id)
        if (answer) resolve({ ms: performance.now() - startedMs, seenAs: answer.seenAs })
      })
      for (const ms of REPEATED_AFTER_MS) timers.push(setTimeout(send, ms))
      timers.push(setTimeout(() => resolve(undefined), PATIENCE_MS))
      send()
    })
  } finally {
    for (const timer of timers) clearTimeout(timer)
    socket.close()
  }
}

export function bindingRequest(id: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(BINDING_REQUEST, 0)
  header.writeUInt32BE(MAGIC_COOKIE, 4)
  id.copy(header, 8)
  return header
}

/** Undefined for what does not answer this request. Never throws. */
export function readBinding(message: Buffer, id: Buffer): { seenAs: string | undefined } | undefined {
  if (message.length < HEADER_BYTES || message.readUInt16BE(0) !== BINDING_SUCCESS) return undefined
  if (message.readUInt32BE(4) !== MAGIC_COOKIE || !message.subarray(8, HEADER_BYTES).equals(id)) return undefined
  for (let at = HEADER_BYTES; at + 4 <= message.length; ) {
    const [type, length] = [message.readUInt16BE(at), message.readUInt16BE(at + 2)]
    const value = message.subarray(at + 4, at + 4 + length)
    if (type === XOR_MAPPED_ADDRESS) return { seenAs: readAddress(value) }
    // RFC 5389 §15: each begins at a multiple of four.
    at += 4 + Math.ceil(length / 4) * 4
  }
  return { seenAs: undefined }
}

/** RFC 5389 §15.2. Of IPv4 only, where it shows what a NAT has made of us. */
function readAddress(value: Buffer): string | undefined {
  if (value.length < 8 || value.readUInt8(1) !== FAMILY_IPV4) return undefined
  const port = value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16)
  const address = (value.readUInt32BE(4) ^ MAGIC_COOKIE) >>> 0
  const bytes = [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff)
  return `${bytes.join('.')}:${port}`
}
