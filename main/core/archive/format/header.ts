/**
 * `coffer.json`, the one public and the one replaceable object of an archive (docs/FORMAT.md, "Header").
 *
 * Anyone can write one, so nothing in it is believed until the key proves it: the key check refuses a wrong key
 * before anything else is read, and the MAC is verified as soon as the right one is known.
 */
import sodium from 'sodium-native'
import { z } from 'zod'
import { CofferError } from '../../../../contract/errors.ts'
import type { ArchiveKeys } from '../../keys/subkeys.ts'
import { ByteReader, ByteWriter, Malformed } from './bytes.ts'
import { keyCheck, keyedHash } from './hashes.ts'
import { maxHeader } from './limits.ts'
import { type ArchiveId, headerName, idBytes } from './names.ts'

/** Which vault holds the key of this archive, if one does. */
export interface VaultReference {
  /** Its address, `https://host[:port]`. */
  address: string
  /** SHA-256 of the vault's public identity key. */
  fingerprint: Buffer
  /** The record: 32 bytes. */
  record: Buffer
}

export interface Header {
  /** Grows with every change. */
  number: number
  archive: ArchiveId
  keyCheck: Buffer
  vault: VaultReference | null
}

const tag = 'coffer-header-1'
const version = 1
const Outer = z.strictObject({
  coffer: z.number().int().positive(),
  body: z.string().max(maxHeader),
  mac: z.string().max(64),
})

/** The bytes of coffer.json for a header. */
export function encodeHeader(header: Header, keys: ArchiveKeys): Buffer {
  const vault = new ByteWriter()
  if (header.vault)
    vault.field(Buffer.from(header.vault.address)).field(header.vault.fingerprint).field(header.vault.record)
  const body = new ByteWriter()
    .field(Buffer.from(tag))
    .u64(header.number)
    .field(idBytes(header.archive))
    .field(header.keyCheck)
    .field(vault.done())
    .done()
  return compose(body, keyedHash(keys.headerMac, body))
}

/** A header as it was read: what it claims, and the proof to check once the key is known. */
export interface ReadHeader extends Header {
  body: Buffer
  mac: Buffer
}

/** Parses coffer.json. header_altered when it is not one, newer_format when a newer Coffer wrote it. */
export function decodeHeader(bytes: Uint8Array, object: string = headerName): ReadHeader {
  const altered = (reason: string) => new CofferError('header_altered', { object, reason })
  if (bytes.length > maxHeader) throw altered('too long')
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw altered('not JSON')
  }
  const number = z
    .looseObject({
      coffer: z
        .number()
        .int()
        .min(version + 1),
    })
    .safeParse(json)
  if (number.success) throw new CofferError('newer_format', { object, version: number.data.coffer })
  const outer = Outer.safeParse(json)
  if (!outer.success) throw altered('not a header')
  const body = Buffer.from(outer.data.body, 'base64url')
  const mac = Buffer.from(outer.data.mac, 'base64url')
  // One spelling only: otherwise bytes could be changed that no check covers.
  if (!compose(body, mac).equals(bytes)) throw altered('not spelled as a header is')
  try {
    return { ...readBody(body), body, mac }
  } catch (error) {
    if (error instanceof Malformed) throw altered(error.message)
    throw error
  }
}

/** wrong_key unless the keys are this archive's. Compares in constant time. */
export function checkKey(header: Header, keys: ArchiveKeys): void {
  if (!sodium.sodium_memcmp(keyCheck(keys, idBytes(header.archive)), header.keyCheck))
    throw new CofferError('wrong_key')
}

/** header_altered unless the MAC over the whole body is right: call after checkKey. */
export function checkHeaderMac(header: ReadHeader, keys: ArchiveKeys, object: string = headerName): void {
  if (header.mac.length !== 32 || !sodium.sodium_memcmp(keyedHash(keys.headerMac, header.body), header.mac))
    throw new CofferError('header_altered', { object, reason: 'the MAC does not fit' })
}

function readBody(body: Buffer): Header {
  const reader = new ByteReader(body)
  if (reader.field(64).toString() !== tag) throw new Malformed('the body is not a header’s')
  const number = reader.u64()
  const archive = fixed(reader, 16).toString('hex') as ArchiveId
  const check = fixed(reader, 16)
  const vault = reader.field(4096)
  reader.end()
  return { number, archive, keyCheck: check, vault: vault.length === 0 ? null : readVault(vault) }
}

function readVault(bytes: Buffer): VaultReference {
  const reader = new ByteReader(bytes)
  const address = reader.field(2048).toString('utf8')
  const vault = { address, fingerprint: fixed(reader, 32), record: fixed(reader, 32) }
  reader.end()
  return vault
}

function fixed(reader: ByteReader, length: number): Buffer {
  const field = reader.field(length)
  if (field.length !== length) throw new Malformed('a field has the wrong length')
  return field
}

function compose(body: Uint8Array, mac: Uint8Array): Buffer {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  return Buffer.from(`${JSON.stringify({ coffer: version, body: text(body), mac: text(mac) })}\n`)
}
