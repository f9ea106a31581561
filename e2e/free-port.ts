/** Where can a server of a test listen? */
import { createServer } from 'node:net'

/** A port that is free at this moment. */
export async function findFreePort(address = '127.0.0.1'): Promise<number> {
  const port = await portAt(address, 0)
  if (port === undefined) throw new Error(`No port is free at ${address}.`)
  return port
}

/** The port if it is free at this moment; any free one for 0. */
export function portAt(address: string, wanted: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(wanted, address, () => {
      const bound = server.address()
      server.close(() => resolve(typeof bound === 'object' ? bound?.port : undefined))
    })
  })
}
