/**
 * SignedRecords: what is bound to a writer in the DHT is so by its signature, which those who hold a record check before they
 * take it, and who reads it once more: the nodes that hold it could say anything.
 *
 *   proof = signing key 32 bytes, signature 64 bytes         signed: namespace, key, writer, version, withdrawn or not, value
 */
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Address } from '../overlay/address.ts'
import type { DhtRecord } from '../overlay/dht-record.ts'
import { type Identity, SIGNATURE_BYTES, signerOf } from '../security/identity.ts'
import { PUBLIC_KEY_BYTES } from '../security/key-pair.ts'
import { type SignatureCheck, signatureCheckOf } from '../security/signature-check.ts'

/** Whose keys are remembered; who wrote first is forgotten. A guess. */
const MAX_WRITERS = 256
/** Signatures being checked at once, some tens of milliseconds of work. A guess. */
const MAX_UNDER_WAY = 1_024

export type SignedRecordsFacts = {
  identity: Pick<Identity, 'address' | 'signingKey' | 'signSoon'>
  namespaceHash: string
}

type Writer = { signingKey: string; check: SignatureCheck }
type Statement = Pick<DhtRecord, 'key' | 'version' | 'withdrawn' | 'value'>

export class SignedRecords {
  readonly dropped = new Map<string, number>()
  private readonly facts: SignedRecordsFacts
  private readonly writers = new Map<Address, Writer>()
  private underWay = 0

  constructor(facts: SignedRecordsFacts) {
    this.facts = facts
  }

  /** Bound to us. */
  async bind(said: Statement): Promise<NonNullable<DhtRecord['bound']>> {
    const { address: writer, signingKey, signSoon } = this.facts.identity
    const signature = await signSoon(this.statementOf(writer, said))
    return { writer, proof: concatBytes(signingKey, signature) }
  }

  /** Which of them are from whom they are bound to; free ones are. Never rejects. */
  async check(records: readonly DhtRecord[]): Promise<boolean[]> {
    return Promise.all(records.map((record) => this.isProved(record)))
  }

  private async isProved(record: DhtRecord): Promise<boolean> {
    const { bound } = record
    if (!bound) return true
    if (bound.proof.length !== PUBLIC_KEY_BYTES + SIGNATURE_BYTES) return this.drop('unreadable')
    if (this.underWay >= MAX_UNDER_WAY) return this.drop('too many at once')
    const writer = this.writerOf(bound.writer, bound.proof.slice(0, PUBLIC_KEY_BYTES))
    if (!writer) return this.drop('forged')
    this.underWay++
    const isSigned = await writer.check(bound.proof.slice(PUBLIC_KEY_BYTES), this.statementOf(bound.writer, record))
    this.underWay--
    return isSigned || this.drop('forged')
  }

  /** Undefined where the key is not the one that the address follows from. */
  private writerOf(address: Address, key: Uint8Array): Writer | undefined {
    const signingKey = key.join()
    const known = this.writers.get(address)
    if (known?.signingKey === signingKey) return known
    if (signerOf(key) !== address) return undefined
    const writer = { signingKey, check: signatureCheckOf(key) }
    this.writers.set(address, writer)
    const [first] = this.writers.keys()
    if (this.writers.size > MAX_WRITERS && first !== undefined) this.writers.delete(first)
    return writer
  }

  private statementOf(writer: Address, { key, version, withdrawn, value }: Statement): Uint8Array {
    const { namespaceHash } = this.facts
    const head = `overture record 1 ${namespaceHash} ${key} ${writer} ${version} ${withdrawn ? 'withdrawn' : 'there'} `
    return concatBytes(utf8ToBytes(head), value)
  }

  private drop(reason: string): false {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
    return false
  }
}
