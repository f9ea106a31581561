/** SimTable: a result for people: one figure a line, those inside others indented below them. */
const NAME_WIDTH = 34

export function tableOf(result: Record<string, unknown>, indent = ''): string {
  const lines: string[] = []
  for (const [name, value] of Object.entries(result)) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      if (Object.keys(value).length === 0) continue
      lines.push(`${indent}${name}`, tableOf(value as Record<string, unknown>, `${indent}  `))
    } else {
      lines.push(`${`${indent}${name}`.padEnd(NAME_WIDTH)} ${textOf(value)}`)
    }
  }
  return lines.join('\n')
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (Array.isArray(value))
    return value.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))).join(', ')
  return String(value)
}
