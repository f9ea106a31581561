/** Cuttable wire: what if the network fails? Stands between a session and a service, and drops what is asked of it. For tests only. */
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'

export class CuttableWire {
  /** Leads to the service. */
  readonly url: string
  /** How often somebody has come to us. */
  connections = 0
  private readonly server: Server
  private readonly sockets: Set<Socket>
  private readonly gate: { down: boolean; silent: boolean }

  private constructor(url: string, server: Server, sockets: Set<Socket>, gate: { down: boolean; silent: boolean }) {
    this.url = url
    this.server = server
    this.sockets = sockets
    this.gate = gate
  }

  static async to(service: string): Promise<CuttableWire> {
    const { port, hostname } = new URL(service)
    const sockets = new Set<Socket>()
    const gate = { down: false, silent: false }
    const server = createServer((near) => {
      wire.connections++
      if (gate.down) {
        near.destroy()
        return
      }
      const far = dial(Number(port), hostname)
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          sockets.delete(socket)
          if (!gate.silent) other.destroy()
        })
        socket.on('data', (data) => {
          if (!gate.silent) other.write(data)
        })
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = new URL(service)
    url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const wire = new CuttableWire(url.href, server, sockets, gate)
    return wire
  }

  /** Cuts what is open. Who comes again gets through. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  /** Cuts what is open, and lets nobody through until `up`. */
  down(): void {
    this.gate.down = true
    this.cut()
  }

  up(): void {
    this.gate.down = false
  }

  /** Swallows everything and says nothing, as a network that is gone. */
  silence(): void {
    this.gate.silent = true
  }

  async close(): Promise<void> {
    this.down()
    await new Promise((resolve) => this.server.close(resolve))
  }
}
