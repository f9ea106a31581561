/**
 * Weight: about how many bytes does what was read take? Strings and views are counted with their whole length, though many
 * share the input's memory; the same thing found twice is counted once.
 */

/** What V8 takes for an object or array, and for a field of one; roughly. */
const OBJECT_BYTES = 56
const FIELD_BYTES = 16

export function weightOf(value: unknown): number {
  const seen = new Set<object>()
  const waiting: unknown[] = [value]
  let weight = 0
  while (waiting.length > 0) {
    const each = waiting.pop()
    if (typeof each === 'string') weight += OBJECT_BYTES + 2 * each.length
    if (typeof each !== 'object' || each === null || seen.has(each)) continue
    seen.add(each)
    weight += OBJECT_BYTES
    if (ArrayBuffer.isView(each)) {
      weight += each.byteLength
      continue
    }
    const inner = each instanceof Map ? [...each].flat() : each instanceof Set ? [...each] : Object.values(each)
    weight += FIELD_BYTES * inner.length
    for (const item of inner) waiting.push(item)
  }
  return weight
}
