/** Making a vault: its keys, its storage, and the note of both. */
import { mkdirSync } from 'node:fs'
import { createKeystore, openKeystore } from '../keystore/open-keystore.ts'
import type { Keystore } from '../keystore/keystore.ts'
import { beginning } from '../log/chain.ts'
import { fingerprintOf } from '../service/vault.ts'
import { openStorage } from '../store/open-storage.ts'
import type { Storage } from '../store/storage.ts'
import { type Config, readConfig, writeConfig } from './config.ts'
import { keystoreSpec, type SecretSources, storageSpec } from './given.ts'
import { OperatorError } from './operator-error.ts'

export interface SetUp {
  node: string
  keystore: Config['keystore']
  storage: Config['storage']
  /** Another node has made the keys already: take these, if their fingerprint (base64url) is this. */
  join?: string | undefined
}

/** What a vault is that nobody configured: everything on this machine. */
export const plainSetUp: SetUp = { node: 'one', keystore: { kind: 'software' }, storage: { engine: 'sqlite' } }

/** Makes keys and note. OperatorError if there is a vault already; KeystoreWrong, KeystoreUnavailable. */
export async function setUp(folder: string, it: SetUp, sources: SecretSources): Promise<Config> {
  if (readConfig(folder)) throw new OperatorError(`There is a vault in ${folder} already.`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const spec = keystoreSpec(folder, it.keystore, sources)
  const keystore =
    it.join === undefined
      ? await createKeystore(spec, it.node)
      : await openKeystore(spec, it.node, Buffer.from(it.join, 'base64url'))
  try {
    // A node has an anchor from its first day: one that is missing later was taken away.
    if (!(await keystore.readAnchor())) await keystore.writeAnchor(beginning)
    const fingerprint = fingerprintOf(keystore.identity).toString('base64url')
    const { node, storage } = it
    const config: Config = { version: 1, node, fingerprint, keystore: it.keystore, storage }
    writeConfig(folder, config)
    return config
  } finally {
    await keystore.close()
  }
}

/** Opens what a vault was set up with. The keys must be those it was made with. */
export async function openParts(
  folder: string,
  sources: SecretSources,
): Promise<{ config: Config; keystore: Keystore; storage: Storage }> {
  const config = readConfig(folder)
  if (!config) throw new OperatorError(`There is no vault in ${folder}. Make one with “coffer-vault init”.`)
  const keystore = await openKeystore(
    keystoreSpec(folder, config.keystore, sources),
    config.node,
    Buffer.from(config.fingerprint, 'base64url'),
  )
  try {
    return { config, keystore, storage: await openStorage(storageSpec(folder, config.storage, sources.env)) }
  } catch (error) {
    await keystore.close()
    throw error
  }
}

/**
 * OperatorError for a node whose anchor is gone. Every node has one from its first day, and without it any older database
 * would be taken for the newest.
 */
export async function requireAnchor(keystore: Keystore): Promise<void> {
  if (!(await keystore.readAnchor()))
    throw new OperatorError(
      'This node’s anchor is gone, and without it nobody can tell whether the database is the newest. Put it back, or see “coffer-vault recover”.',
    )
}
