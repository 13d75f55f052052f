/** `coffer-vault serve`: runs a node until it is told to end. */
import { availableParallelism } from 'node:os'
import { createLog, startVault } from '../index.ts'
import { readConfig } from './config.ts'
import { limitFrom, listenAt, peersFrom, tlsFrom, waitsFrom } from './given.ts'
import type { Bench } from './bench.ts'
import { openParts, plainSetUp, requireAnchor, setUp } from './set-up.ts'

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
  const perMinute = limitFrom(options.limit)
  const tls = tlsFrom(options)
  // With nothing configured there is a vault all the same: on this machine alone, and it says so.
  if (!readConfig(folder)) await setUp(folder, plainSetUp, sources)
  const { config, keystore, storage } = await openParts(folder, sources)
  const giveBack = async (error: unknown): Promise<never> => {
    await storage.close()
    await keystore.close()
    throw error
  }
  await requireAnchor(keystore).catch(giveBack)
  const vault = await startVault({
    keystore,
    storage,
    listen,
    peers,
    waits,
    tls,
    invites: options.invites,
    threads: Math.min(8, availableParallelism()),
    perMinute,
    trustProxy: options.trustProxy,
    log: createLog(options.logLevel),
  }).catch(giveBack)
  const ended = bench.untilToldToEnd()
  try {
    // Nobody is told an address before something answers there; and a node that waits for others can be told to end.
    const isReady = await Promise.race([vault.ready.then(() => true), ended.then(() => false)])
    if (!isReady) return
    bench.say(
      `${keystore.kind === 'hardware' ? 'Hardware' : 'Software'} vault (${keystore.model}, ${config.storage.engine}) at ${vault.address}#${config.fingerprint}`,
    )
    bench.say(`Its data is in ${folder}. Ctrl-C ends it.`)
    await ended
  } finally {
    await vault.close()
  }
}
