/**
 * A node's anchor as a file: the log's head as this node last knew it, written before every group is answered.
 *
 * The file has two slots, each a block of its own, and never grows. Writes alternate between them, so that one which
 * is cut short damages the older of the two and the newer stays. Each slot is
 *
 *     u64 sequence, u64 place, 32 hash, 32 MAC (BLAKE2b-256)
 *
 * The MAC's key comes from the key file's anchor key and the node's name: it tells a torn slot, and nobody without the
 * key file makes one. A slot that says
 * sequence 0 says that nothing was anchored; a new file has one, so that “nothing” is said and never concluded from
 * damage. Whoever puts an older copy of the whole file back goes unnoticed here (docs/OPERATING-A-VAULT.md).
 */
import { constants, readSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import sodium from 'sodium-native'
import { found, isSystemError, moveOver, removeIfThere, writeNew } from './durable-file.ts'
import { inTurns, isCovered } from './anchors.ts'
import { type Anchor, KeystoreUnavailable, KeystoreWrong } from './keystore.ts'

/** The unit in which disks and file systems write: a torn write stays inside it. */
const slotBytes = 4096
const fieldBytes = 8 + 8 + 32
const usedBytes = fieldBytes + 32
/** With it, `write` returns when the bytes are on the disk: one call instead of two. macOS needs its own sync. */
const writeThrough = process.platform === 'linux' ? constants.O_DSYNC : 0

const restart = 'Restart the node: it will compare the anchor with its log.'

interface Slot {
  index: 0 | 1
  sequence: bigint
  anchor: Anchor
}

export interface AnchorFile {
  /** KeystoreUnavailable also when the file that is open is no longer the one of that name. */
  read(): Promise<Anchor | undefined>
  /** Durable when it resolves. Calls are done one after the other. */
  write(anchor: Anchor): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the file, or makes it. Several processes of one node may have it open: see anchors.ts. KeystoreWrong if
 * neither slot can be trusted, KeystoreUnavailable if it cannot be read.
 */
export async function openAnchorFile(folder: string, nodeName: string, key: Buffer): Promise<AnchorFile> {
  const path = join(folder, `${nodeName}.anchor`)
  const nodeKey = keyed(key, Buffer.from(`coffer-anchor-1 ${nodeName}`))
  const mac = (fields: Buffer) => keyed(nodeKey, fields)
  const file = await said(path, () => openOrMake(path, mac))
  const room = Buffer.alloc(2 * slotBytes)
  let seen = await said(path, async () => latest(file, room, mac)).catch(async (error: unknown) => {
    await file.close()
    throw error
  })
  /** What this process found or wrote last, and what it tried last: a write that fails may be in the file or not. */
  let own = seen
  let tried = seen

  const look = () => {
    const there = latest(file, room, mac)
    if (there.sequence < seen.sequence) throw new KeystoreUnavailable(`An older ${path} was put back. ${restart}`)
    return (seen = there)
  }
  const isForeign = ({ sequence, anchor }: Slot) =>
    sequence > own.sequence && !(sequence === tried.sequence && isDeepStrictEqual(anchor, tried.anchor))

  const write = ({ place, hash }: Anchor) =>
    said(path, async () => {
      const anchor = { place, hash: Buffer.from(hash) }
      const there = look()
      // The other process may see its own write not through yet: then it is seen through here.
      if (isForeign(there) && isCovered(anchor, there.anchor)) return file.datasync()
      const sequence = (tried.sequence > there.sequence ? tried.sequence : there.sequence) + 1n
      tried = { index: there.index === 0 ? 1 : 0, sequence, anchor }
      // Here and now: it takes less than handing it to another thread and waiting for that one's turn, and every group of
      // logins waits for it. The database's own commits keep this thread waiting for the same disk.
      writeSync(file.fd, encode(tried, mac), 0, usedBytes, tried.index * slotBytes)
      if (!writeThrough) await file.datasync()
      own = seen = tried
    })

  const inTurn = inTurns()
  return {
    read: () =>
      inTurn(async () => {
        const { sequence, anchor } = await said(path, async () => {
          const [mine, named] = await Promise.all([file.stat(), found(path)])
          if (mine.ino !== named?.ino || mine.dev !== named.dev)
            throw new KeystoreUnavailable(`The anchor file ${path} was taken away or replaced. ${restart}`)
          return look()
        })
        return sequence === 0n ? undefined : anchor
      }),
    write: (anchor) => inTurn(() => write(anchor)),
    close: () => inTurn(() => file.close()),
  }
}

async function openOrMake(path: string, mac: (fields: Buffer) => Buffer): Promise<FileHandle> {
  const flags = constants.O_RDWR | writeThrough
  try {
    return await open(path, flags)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
  }
  const bytes = Buffer.alloc(2 * slotBytes)
  encode({ index: 0, sequence: 0n, anchor: { place: 0, hash: Buffer.alloc(32) } }, mac).copy(bytes)
  // A node that was killed here has left one.
  await removeIfThere(`${path}.new`)
  await writeNew(`${path}.new`, bytes)
  await moveOver(`${path}.new`, path)
  return open(path, flags)
}

/** The slot with the higher sequence of those whose MAC fits. */
function latest(file: FileHandle, room: Buffer, mac: (fields: Buffer) => Buffer): Slot {
  // Not worth a turn through the thread pool, which costs ten times as much: these two pages are in memory.
  const bytesRead = readSync(file.fd, room, 0, room.length, 0)
  const slots = ([0, 1] as const).flatMap((index) => {
    const at = index * slotBytes
    if (bytesRead < at + usedBytes) return []
    const fields = room.subarray(at, at + fieldBytes)
    if (!sodium.sodium_memcmp(mac(fields), room.subarray(at + fieldBytes, at + usedBytes))) return []
    const anchor = { place: Number(fields.readBigUInt64BE(8)), hash: Buffer.from(fields.subarray(16)) }
    return [{ index, sequence: fields.readBigUInt64BE(0), anchor }]
  })
  const [best] = slots.sort((a, b) => (a.sequence < b.sequence ? 1 : -1))
  if (!best) throw new KeystoreWrong('The anchor file is damaged, or belongs to another key file or another node.')
  return best
}

function encode({ sequence, anchor }: Slot, mac: (fields: Buffer) => Buffer): Buffer {
  const bytes = Buffer.alloc(usedBytes)
  bytes.writeBigUInt64BE(sequence, 0)
  bytes.writeBigUInt64BE(BigInt(anchor.place), 8)
  bytes.set(anchor.hash, 16)
  mac(bytes.subarray(0, fieldBytes)).copy(bytes, fieldBytes)
  return bytes
}

function keyed(key: Buffer, bytes: Buffer): Buffer {
  const hash = Buffer.alloc(32)
  sodium.crypto_generichash(hash, bytes, key)
  return hash
}

async function said<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isSystemError(error)) throw new KeystoreUnavailable(`The anchor file ${path} cannot be used (${error.code}).`)
    if (error instanceof KeystoreWrong) throw new KeystoreWrong(`${error.message} (${path})`)
    throw error
  }
}
