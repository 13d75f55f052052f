/** `coffer-vault serve`: runs a node until it is told to end. */
import { availableParallelism } from 'node:os'
import { createLog, startVault } from '../index.ts'
import { readConfig } from './config.ts'
import { listenAt, peersFrom, waitsFrom } from './given.ts'
import type { Bench } from './bench.ts'
import { openParts, plainSetUp, setUp } from './set-up.ts'

export interface ServeOptions {
  listen: string
  waits: string
  invites: boolean
  peers: string
  /** This node's own address, if it is among the peers. */
  address: string
  limit: string
  trustProxy: boolean
  tlsCert?: string
  tlsKey?: string
  logLevel: string
  pinFile?: string
}

export async function serve(bench: Bench, folder: string, options: ServeOptions): Promise<void> {
  const sources = { env: bench.env, pinFile: options.pinFile }
  const listen = listenAt(options.listen)
  const waits = waitsFrom(options.waits)
  const [own] = peersFrom(options.address)
  const peers = peersFrom(options.peers).filter((peer) => peer !== own)
  // With nothing configured there is a vault all the same: on this machine alone, and it says so.
  if (!readConfig(folder)) await setUp(folder, plainSetUp, sources)
  const { config, keystore, storage } = await openParts(folder, sources)
  const { tlsCert, tlsKey } = options
  const vault = await startVault({
    keystore,
    storage,
    listen,
    peers,
    waits,
    tls: tlsCert !== undefined && tlsKey !== undefined ? { certificate: tlsCert, key: tlsKey } : undefined,
    invites: options.invites,
    threads: Math.min(8, availableParallelism()),
    perMinute: Number(options.limit),
    trustProxy: options.trustProxy,
    log: createLog(options.logLevel),
  })
  const ended = bench.untilToldToEnd()
  const failed = vault.ready.then(
    () => ended,
    (error: unknown) => Promise.reject(error),
  )
  try {
    // Nobody is told an address before something answers there.
    await Promise.race([vault.ready, ended])
    bench.say(
      `${keystore.kind === 'hardware' ? 'Hardware' : 'Software'} vault (${keystore.model}, ${config.storage.engine}) at ${vault.address}#${config.fingerprint}`,
    )
    bench.say(`Its data is in ${folder}. Ctrl-C ends it.`)
    await failed
  } finally {
    await vault.close()
  }
}
