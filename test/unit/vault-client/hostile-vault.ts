/** A vault that does what it should (vault-model.ts) until a test bends it: over real HTTP, so that bodies can be anything. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Asked, type StepName, type Told, VaultModel } from './vault-model.ts'

/** What becomes of one step: an answer instead of the right one, or nothing at all. */
export type Bend = (it: {
  told: Told
  asked: Asked
  response: ServerResponse
}) => Told | 'said' | 'drop' | Promise<Told | 'said' | 'drop'>

export interface HostileVault {
  model: VaultModel
  /** `http://127.0.0.1:<port>` */
  origin: string
  /** The steps asked for so far, in order. */
  asked: StepName[]
  /** Everything received, as text: for looking whether a secret is in it. */
  received: () => string
  /** Bends the answers of a step, from now on or so many times. It has been carried out when `how` is called. */
  bend(step: StepName, how: Bend, times?: number): void
  /** The step's requests get lost: nothing is carried out, so many times. */
  loseRequests(step: StepName, times: number): void
  /** The step is carried out and its answer gets lost, so many times. */
  loseAnswers(step: StepName, times: number): void
  /** Bends and losses are over, and the records are what they were when this was made. */
  restore(): void
  /** What `restore` goes back to. */
  remember(): void
  close(): Promise<void>
}

export async function startHostileVault(): Promise<HostileVault> {
  const model = new VaultModel()
  const bends = new Map<StepName, { how: Bend; times: number }>()
  const losses = new Map<StepName, number>()
  const steps: StepName[] = []
  let received = ''
  let remembered: typeof model.records = new Map()
  const server = createServer((request, response) => {
    void handle(request, response).catch((error: unknown) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error))
    })
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await read(request)
    received += `${asked.method} ${asked.path}\n${JSON.stringify(asked.headers)}\n${asked.body}\n`
    const step = model.stepOf(asked)
    if (step) {
      steps.push(step)
      const losing = losses.get(step) ?? 0
      losses.set(step, losing - 1)
      if (losing > 0) return void response.destroy()
    }
    const told = model.answer(asked)
    const bent = step && bends.get(step)
    if (!bent || bent.times-- <= 0) return send(response, told)
    const instead = await bent.how({ told, asked, response })
    if (instead === 'drop') response.destroy()
    else if (instead !== 'said') send(response, instead)
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on a port has an address with one.
  const { port } = server.address() as AddressInfo
  return {
    model,
    origin: `http://127.0.0.1:${port}`,
    asked: steps,
    received: () => received,
    bend: (step, how, times = Infinity) => void bends.set(step, { how, times }),
    loseRequests: (step, times) => void losses.set(step, times),
    loseAnswers: (step, times) => void bends.set(step, { how: () => 'drop', times }),
    remember: () => void (remembered = structuredClone(model.records)),
    restore() {
      bends.clear()
      losses.clear()
      steps.length = 0
      model.records.clear()
      for (const [rid, record] of structuredClone(remembered)) model.records.set(rid, record)
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export function send(response: ServerResponse, { status, json }: Told): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
}

async function read(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = []
  // Requests are read as bytes.
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  return { method: request.method ?? '', path: request.url ?? '', headers, body: Buffer.concat(chunks).toString() }
}
