/** The vault's composition root: a node behind HTTP, from the moment it listens to the moment it is closed. */
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import pino, { type Logger } from 'pino'
import type { LogHead } from '../contract/vault.ts'
import { logHead as logHeadPreimage } from '../contract/vault-preimages.ts'
import { createMetrics } from './http/metrics.ts'
import { createServer } from './http/server.ts'
import { type Keystore, KeystoreUnavailable } from './keystore/keystore.ts'
import { beginning } from './log/chain.ts'
import { fetchHeadOverHttp, NoMajority } from './log/peers.ts'
import { anchoredPosition, openNode, type VaultNode } from './node.ts'
import { fingerprintOf } from './service/vault.ts'
import { type Storage, StorageUnavailable } from './store/storage.ts'

export interface VaultOptions {
  keystore: Keystore
  storage: Storage
  listen: { host: string; port: number }
  /** PEM files; undefined where a proxy in front has the certificate, or on loopback. */
  tls?: { certificate: string; key: string } | undefined
  peers: readonly string[]
  waits: readonly number[]
  invites: boolean
  threads: number
  perMinute: number
  trustProxy: boolean
  log: Logger
  now?: () => number
}

export interface RunningVault {
  /** Where it listens: `http://127.0.0.1:8787`. */
  address: string
  fingerprint: Buffer
  /** Resolves when the node answers; rejects when it never will (LogBroken and its like). */
  ready: Promise<void>
  /** Lets requests in progress end, writes a checkpoint, closes keystore and storage. */
  close(): Promise<void>
}

/** How often the sweeper looks, and how long a node waits before it tries again to become ready, ms. */
const sweepEvery = 10_000
const retryEvery = 500
/** Log entries between two checkpoints. */
const checkpointEvery = 100_000

/** Starts to listen at once, and to answer as soon as the node has made sure of its log. */
export async function startVault(options: VaultOptions): Promise<RunningVault> {
  const { keystore, storage, log, now = Date.now } = options
  let node: VaultNode | undefined
  const closing = new AbortController()
  const journal = () => node?.parts.journal
  const metrics = createMetrics({
    position: () => journal()?.view.position.place ?? 0,
    rows: () => journal()?.view.known.size ?? 0,
    ready: () => node !== undefined && journal()?.brokenBy === undefined,
  })
  const onTrouble = (error: Error): void => {
    metrics.trouble(error.constructor.name)
    log.error({ trouble: error.constructor.name, reason: error.message }, 'trouble')
  }
  let wasReady = true
  const whyNotReady = async (): Promise<string | undefined> => {
    if (closing.signal.aborted) return 'the node is being closed'
    if (!node) return 'the node has not made sure of its log yet'
    // In its own words it is for the log: they name files and machines, and anybody may ask here.
    if (node.parts.journal.brokenBy) return 'the log is not what it was'
    for (const [reason, part] of [
      ['the database cannot be used', storage],
      ['the keystore cannot be used', keystore],
    ] as const) {
      const error = await part.ready().catch((error: unknown) => error)
      if (error === undefined) continue
      if (wasReady) onTrouble(error instanceof Error ? error : new Error(reason))
      wasReady = false
      return reason
    }
    wasReady = true
    return undefined
  }
  const app = await createServer({
    vault: () => (closing.signal.aborted ? undefined : node?.parts),
    ready: whyNotReady,
    logHead: async () => signedHead(keystore, node?.parts.journal.view.position ?? (await anchoredPosition(keystore))),
    metrics: metrics.text,
    observe: metrics.observe,
    log,
    perMinute: options.perMinute,
    trustProxy: options.trustProxy,
    tls: options.tls && { cert: await readFile(options.tls.certificate), key: await readFile(options.tls.key) },
  })
  const address = await app.listen({ host: options.listen.host, port: options.listen.port })

  const open = async (): Promise<void> => {
    for (;;) {
      closing.signal.throwIfAborted()
      try {
        node = await openNode({
          ...options,
          now,
          fetchHead: fetchHeadOverHttp,
          onTrouble,
          onDestroyed: metrics.destroyed,
          watch: (event) => {
            if (event.what === 'released') metrics.released()
            else metrics.evaluated({ repeated: event.repeated ?? false })
          },
        })
        return
      } catch (error) {
        // These pass; anything else is for the operator.
        if (!(
          error instanceof NoMajority ||
          error instanceof StorageUnavailable ||
          error instanceof KeystoreUnavailable
        ))
          throw error
        log.warn({ reason: error.message }, 'not ready yet')
        await pause(retryEvery, undefined, { signal: closing.signal })
      }
    }
  }
  const ready = open()
  const tending = tend(() => node, { signal: closing.signal, onTrouble })
  ready.catch(() => undefined)
  return {
    address,
    fingerprint: fingerprintOf(keystore.identity),
    ready,
    async close() {
      closing.abort()
      await app.close()
      await ready.catch(() => undefined)
      await tending
      if (node && !node.parts.journal.brokenBy) await node.checkpoint(1).catch(onTrouble)
      await node?.close()
      await storage.close()
      await keystore.close()
    },
  }
}

/** Sweeps and writes checkpoints until it is told to end. */
async function tend(
  node: () => VaultNode | undefined,
  { signal, onTrouble }: { signal: AbortSignal; onTrouble: (error: Error) => void },
): Promise<void> {
  while (!signal.aborted) {
    await pause(sweepEvery, undefined, { signal, ref: false }).catch(() => undefined)
    if (signal.aborted) return
    try {
      await node()?.sweep()
      await node()?.checkpoint(checkpointEvery)
      // The operator's own process may have destroyed a seal key: this one must not hold it for as long as it runs.
      await node()?.parts.keystore.epochs()
    } catch (error) {
      onTrouble(error instanceof Error ? error : new Error('the sweeper failed'))
    }
  }
}

async function signedHead(keystore: Keystore, position = beginning): Promise<LogHead> {
  const head = { place: position.place, hash: position.hash.toString('base64url') }
  const signature = await keystore.sign(logHeadPreimage(head))
  return { ...head, signature: Buffer.from(signature).toString('base64url') }
}

/** Structured, to standard error. Nothing is ever logged that names a record or was sent by anybody. */
export function createLog(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }))
}
