/**
 * WireModel: how long is a frame on its way? A mean one way with a jitter, and, where packets are lost, the time that
 * sending them again takes: channels are reliable and in order, so a loss is never seen but as a delay, which the
 * frames behind it share. Bandwidth, queues and the sharing of one access line are left out.
 */
import type { Random } from '../overlay/node-core.ts'

export type WireModel = {
  /** One way, mean. */
  latencyMs: number
  /** The share of packets lost, 0 to below 1. */
  loss: number
}

/** ±20 %, uniform. A guess. */
export const JITTER = 0.2
/** Least wait before a packet is sent again: the order of what SCTP in browsers and TCP in kernels do. */
const RESEND_MIN_MS = 400
/** Each loss of the same packet doubles the wait, up to here (RFC 6298 §5.5 and §2.5). */
const RESEND_MAX_MS = 60_000

export function wireDelay({ latencyMs, loss }: WireModel, random: Random): () => number {
  const jittered = () => latencyMs * (1 - JITTER + 2 * JITTER * random())
  if (loss <= 0) return jittered
  // Frames of a ring are few and far between: no later packet's acknowledgement tells of the gap before the timer does.
  const firstResendMs = Math.max(RESEND_MIN_MS, 3 * latencyMs)
  return () => {
    let delayMs = jittered()
    for (let resendMs = firstResendMs; random() < loss; resendMs = Math.min(2 * resendMs, RESEND_MAX_MS)) {
      delayMs += resendMs
    }
    return delayMs
  }
}
