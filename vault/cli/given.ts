/** From what an operator typed to what the vault is made of. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { usualWaits } from '../service/charge.ts'
import type { KeystoreSpec } from '../keystore/open-keystore.ts'
import type { StorageSpec } from '../store/open-storage.ts'
import type { Config } from './config.ts'
import { OperatorError } from './operator-error.ts'

export interface SecretSources {
  /** A file with the token’s PIN. */
  pinFile?: string | undefined
  env: NodeJS.ProcessEnv
}

export function keystoreSpec(folder: string, keystore: Config['keystore'], sources: SecretSources): KeystoreSpec {
  if (keystore.kind === 'software') return { kind: 'software', file: join(folder, 'keys'), anchorFolder: folder }
  return { ...keystore, pin: pinFrom(sources) }
}

/** The addresses and the password of PostgreSQL come from COFFER_VAULT_POSTGRES: arguments can be read by others. */
export function storageSpec(folder: string, storage: Config['storage'], env: NodeJS.ProcessEnv): StorageSpec {
  if (storage.engine === 'sqlite') return { engine: 'sqlite', file: join(folder, 'vault.db'), now: Date.now }
  const url = env['COFFER_VAULT_POSTGRES']
  if (!url)
    throw new OperatorError(
      'Set COFFER_VAULT_POSTGRES to the database, such as postgres://vault:secret@a.example,b.example,c.example/vault',
    )
  const { allowSingleNode, allowOtherEngine } = storage
  return { engine: 'postgres', urls: [url], allowSingleNode, allowOtherEngine }
}

/** `127.0.0.1:8787`, `[::1]:8787`, `:8787`; port 0 for any that is free. */
export function listenAt(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535) throw new OperatorError(`--listen takes HOST:PORT, not “${text}”.`)
  return { host: match[1] ?? (match[2] === '' || match[2] === undefined ? '0.0.0.0' : match[2]), port }
}

/** `default`, `off`, or minutes after the 5th, 6th … failure, separated by commas; the last stays. */
export function waitsFrom(text: string): readonly number[] {
  if (text === 'default') return usualWaits
  if (text === 'off') return []
  const minutes = text.split(',').map((it) => (it.trim() === '' ? NaN : Number(it)))
  if (minutes.length > 5 || minutes.some((it) => !Number.isFinite(it) || it < 0))
    throw new OperatorError(`--waits takes “default”, “off” or up to five numbers of minutes, not “${text}”.`)
  return minutes.map((it) => Math.round(it * 60_000))
}

/** Requests a minute; 0 for no limit. */
export function limitFrom(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new OperatorError(`--limit takes a number of requests, not “${text}”.`)
  return Number(text)
}

/** Both or none: with one of them alone, passwords would travel without any. */
export function tlsFrom(it: { tlsCert?: string; tlsKey?: string }): { certificate: string; key: string } | undefined {
  const { tlsCert: certificate, tlsKey: key } = it
  if (certificate !== undefined && key !== undefined) return { certificate, key }
  if (certificate === undefined && key === undefined) return undefined
  throw new OperatorError('--tls-cert and --tls-key belong together.')
}

/** `http(s)://host[:port]` without anything behind. */
export function peersFrom(text: string): string[] {
  const addresses = text
    .split(',')
    .filter((it) => it !== '')
    .map((it) => {
      const url = URL.canParse(it) ? new URL(it) : undefined
      if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/')
        throw new OperatorError(`--peers takes addresses such as https://b.example:8787, not “${it}”.`)
      return url.origin
    })
  // One that is named twice is still one of the majority.
  return [...new Set(addresses)]
}

function pinFrom({ pinFile, env }: SecretSources): string {
  if (pinFile !== undefined) return readFileSync(pinFile, 'utf8').replace(/\r?\n$/, '')
  const pin = env['COFFER_VAULT_PIN']
  if (!pin) throw new OperatorError('The token’s PIN is needed: --pin-file FILE or COFFER_VAULT_PIN.')
  return pin
}
