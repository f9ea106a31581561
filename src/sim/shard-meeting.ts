/**
 * ShardMeeting: where the threads that simulate one world meet after each window of virtual time. Each leaves its mail
 * for the others and its vote, waits until all have come, and takes what the others have left.
 *
 *   running --left mail and vote--> waiting --all have come--> reading --> running the next window
 *
 * There are two sets of mailboxes, used in turn: a slow thread may still read one while a quick one writes the other,
 * and nobody comes to write the first again before all have met once more.
 */
import { type Mail, MailWriter, mailbox, readMail } from './border-mail.ts'

/** What the threads share. */
export type MeetingPlace = {
  shards: number
  /** [how many have come, how many meetings there were, then per set and shard its vote] */
  board: Int32Array
  /** Per set and shard how many events it has run. */
  events: Float64Array
  /** Per set and pair (writer, reader) how many bytes of the mailbox are mail. */
  lengths: Int32Array
  /** Per set and pair (writer, reader). */
  mailboxes: SharedArrayBuffer[]
}

export type Met = { votes: number[]; events: number }

const SETS = 2
/** Looks at whether all have come, before a thread sleeps: to wake one takes longer than most windows. Some 5 ms; a guess. */
const SPINS = 500_000
const COME = 0
const MEETINGS = 1
const VOTES = 2

export function meetingPlace(shards: number): MeetingPlace {
  return {
    shards,
    board: new Int32Array(new SharedArrayBuffer(4 * (VOTES + SETS * shards))),
    events: new Float64Array(new SharedArrayBuffer(8 * SETS * shards)),
    lengths: new Int32Array(new SharedArrayBuffer(4 * SETS * shards * shards)),
    mailboxes: Array.from({ length: SETS * shards * shards }, mailbox),
  }
}

export class ShardMeeting {
  private readonly place: MeetingPlace
  private readonly shard: number
  private readonly writers: MailWriter[]
  private set = 0

  constructor(place: MeetingPlace, shard: number) {
    this.place = place
    this.shard = shard
    this.writers = place.mailboxes.map((buffer) => new MailWriter(buffer))
  }

  /** What is written is taken at the next meeting. */
  writerTo(shard: number): MailWriter {
    return this.writers[this.box(this.shard, shard)] as MailWriter
  }

  /** Returns when all have come; `take` hears what the others have left, in an order that no thread's pace decides. */
  meet(vote: number, events: number, take: (mail: Mail, payload: Uint8Array) => void): Met {
    const { place, shard, set } = this
    const { shards, board } = place
    board[VOTES + set * shards + shard] = vote
    place.events[set * shards + shard] = events
    for (let to = 0; to < shards; to++) place.lengths[this.box(shard, to)] = this.writerTo(to).length
    this.waitForAll()
    const met: Met = { votes: [], events: 0 }
    for (let other = 0; other < shards; other++) {
      met.votes.push(board[VOTES + set * shards + other] as number)
      met.events += place.events[set * shards + other] as number
      const box = this.box(other, shard)
      if (other !== shard) readMail(place.mailboxes[box] as SharedArrayBuffer, place.lengths[box] as number, take)
    }
    this.set = (set + 1) % SETS
    for (let to = 0; to < shards; to++) this.writerTo(to).clear()
    return met
  }

  private waitForAll(): void {
    const { board, shards } = this.place
    const meetings = Atomics.load(board, MEETINGS)
    if (Atomics.add(board, COME, 1) + 1 < shards) {
      for (let spins = 0; spins < SPINS; spins++) if (Atomics.load(board, MEETINGS) !== meetings) return
      while (Atomics.load(board, MEETINGS) === meetings) Atomics.wait(board, MEETINGS, meetings)
      return
    }
    Atomics.store(board, COME, 0)
    Atomics.add(board, MEETINGS, 1)
    Atomics.notify(board, MEETINGS)
  }

  private box(from: number, to: number): number {
    const { shards } = this.place
    return (this.set * shards + from) * shards + to
  }
}
