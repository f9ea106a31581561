/**
 * What has been asked of the lab? Turns the words behind `npm run lab --` into options, or into one sentence that says
 * what is wrong with them.
 */
import { parseArgs } from 'node:util'
import { MAX_LAB_PEERS } from './lab-network.ts'
import { NAT_KINDS, type NatChoice } from './nat-rules.ts'
import { SERVERS, type ServerName } from './server-request.ts'

const MOVES = ['both', 'public', 'private'] as const
/** Which of a peer's addresses change: its router's, its own, or both, as when a laptop is carried to another network. */
export type Move = (typeof MOVES)[number]

const RENDEZVOUS = ['xmpp', 'ring'] as const
/** How the peers find each other: over the XMPP server, or inside a public ring that they are in already. */
export type RendezvousChoice = (typeof RENDEZVOUS)[number]

export type LabOptions = {
  peers: number
  rendezvous: RendezvousChoice
  /** How many there are in the public ring, the peers included. */
  publicPeers: number
  runs: number
  nat: NatChoice
  server: ServerName
  coturn: boolean
  /** Round trip between any two, in milliseconds. */
  rttMs: number
  /** Percent of the packets, each way. */
  lossPercent: number
  move: Move | undefined
  seed: number
  json: boolean
}

/** The words ask for something that there is not, or not so. */
export class LabOptionError extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'LabOptionError'
  }
}

const NATS: readonly NatChoice[] = [...NAT_KINDS, 'mixed']

export const LAB_USAGE = `npm run lab -- [options]      real Chromiums behind real NATs meet over a real server; needs root and Linux

  --peers N             how many, each behind a NAT of its own; 5 by default
  --runs N              how often they meet; 3 by default
  --nat KIND            ${NATS.join(', ')}; restricted by default
  --server NAME         ${SERVERS.join(', ')}; prosody by default
  --rendezvous HOW      xmpp, or ring: all are in a public ring, and meet inside it; xmpp by default
  --public N            how many there are in the public ring, the peers included; 20 by default
  --coturn on|off       whether there is STUN and TURN; on by default
  --rtt MS              round trip between any two of peers and server; 0 by default
  --loss PERCENT        of the packets, each way; 0 by default
  --change-address [${MOVES.join('|')}]
                        once connected, one peer's addresses change: its router's, its own, or both
  --seed N              decides which peer is behind which NAT of \`mixed\`, who moves, and, without netem, what
                        is lost
  --json                the figures as one JSON object on the last line`

/** `seed` is the one to take when none is given. Throws a LabOptionError. */
export function parseLab(words: readonly string[], seed: number): LabOptions {
  const values = readWords(words)
  return {
    peers: whole('peers', values.peers, 2, MAX_LAB_PEERS),
    rendezvous: oneOf('rendezvous', values.rendezvous, RENDEZVOUS),
    publicPeers: whole('public', values.public, 2, 64),
    runs: whole('runs', values.runs, 1, 1_000),
    nat: oneOf('nat', values.nat, NATS),
    server: oneOf('server', values.server, SERVERS),
    coturn: oneOf('coturn', values.coturn, ['on', 'off']) === 'on',
    rttMs: between('rtt', values.rtt, 0, 10_000),
    lossPercent: between('loss', values.loss, 0, 90),
    move: values['change-address'] === undefined ? undefined : oneOf('change-address', values['change-address'], MOVES),
    seed: values.seed === undefined ? seed : whole('seed', values.seed, 0, 2 ** 32 - 1),
    json: values.json,
  }
}

function readWords(words: readonly string[]) {
  // Its value may be left out, which parseArgs has no word for.
  const args = words.flatMap((word, index) => {
    const isBare = word === '--change-address' && !MOVES.some((move) => move === words[index + 1])
    return isBare ? [`${word}=both`] : [word]
  })
  try {
    return parseArgs({
      args,
      options: {
        peers: { type: 'string', default: '5' },
        runs: { type: 'string', default: '3' },
        rendezvous: { type: 'string', default: 'xmpp' },
        public: { type: 'string', default: '20' },
        nat: { type: 'string', default: 'restricted' },
        server: { type: 'string', default: 'prosody' },
        coturn: { type: 'string', default: 'on' },
        rtt: { type: 'string', default: '0' },
        loss: { type: 'string', default: '0' },
        'change-address': { type: 'string' },
        seed: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new LabOptionError((error as Error).message)
  }
}

function between(flag: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!(value >= least && value <= most)) {
    throw new LabOptionError(`--${flag} is a number from ${least} to ${most}, and not “${text}”.`)
  }
  return value
}

export function whole(flag: string, text: string, least: number, most: number): number {
  const value = between(flag, text, least, most)
  if (!Number.isInteger(value)) throw new LabOptionError(`--${flag} is a whole number, and not “${text}”.`)
  return value
}

function oneOf<const T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const chosen = choices.find((choice) => choice === text)
  if (chosen === undefined) throw new LabOptionError(`--${flag} is one of ${choices.join(', ')}, and not “${text}”.`)
  return chosen
}
