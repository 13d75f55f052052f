/**
 * An archive in a folder: a disk, a network mount, or a folder that a cloud's own program keeps in step.
 *
 * The folder itself must exist: only `coffer init` makes it (registry.ts), so a disk that was unplugged is
 * unreachable and never replaced by an empty folder of the same path.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, stat, statfs, unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { CofferError } from '../../../contract/errors.ts'
import type { Destination, Folder, ObjectInfo } from './destination.ts'
import { discard } from './discard.ts'
import { errnoOf, folderFailure } from './folder-failure.ts'
import { makePart, publish, settlePart } from './folder-publish.ts'
import { readRegular, regularFiles } from './folder-read.ts'
import { sharedDirectorySync, type SyncDirectory } from './folder-sync.ts'
import { folders, splitName } from './object-name.ts'

/** Part files that nobody claims may be another computer's upload in progress for this long. */
const abandonedAfterMs = 7 * 24 * 3600 * 1000

/** `.<object>.<random>.part` */
const partFile = /^\.(.+)\.[0-9a-f]{16}\.part$/

/** The archive in the folder `path`. Touches nothing yet. `syncDirectory` is replaced in tests only. */
export function folderDestination(path: string, syncDirectory: SyncDirectory = sharedDirectorySync()): Destination {
  return new FolderDestination(resolve(path), syncDirectory)
}

class FolderDestination implements Destination {
  readonly label: string
  readonly capabilities = { putIfAbsent: true, replaceIfUnchanged: true }
  readonly #syncDirectory: SyncDirectory
  /** Part files this process is writing now: `tidy` must not take them for debris. */
  readonly #writing = new Set<string>()
  /**
   * The device this was on when it was first used: a mount point whose disk is gone is a folder on another one. (Not
   * the inode: user-space file systems hand out new ones for the same folder.)
   */
  #device: bigint | undefined

  constructor(root: string, syncDirectory: SyncDirectory) {
    this.label = root
    this.#syncDirectory = syncDirectory
  }

  async *list(folder: Folder): AsyncIterable<ObjectInfo> {
    try {
      await this.#rememberDevice()
      for await (const { file, stats } of regularFiles(join(this.label, folder), (name) => !name.startsWith('.'))) {
        yield { name: nameOf(folder, file), size: stats.size, modified: stats.mtime }
      }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw folderFailure(error, folder)
    }
    await this.#requireRoot(folder)
  }

  async get(name: string, range = { offset: 0, length: Infinity }, into?: Uint8Array): Promise<Uint8Array | undefined> {
    const path = this.#place(name).path
    try {
      await this.#rememberDevice()
      const bytes = await readRegular(path, range, into)
      if (bytes === undefined) await this.#requireRoot(name)
      return bytes
    } catch (error) {
      throw folderFailure(error, name)
    }
  }

  async put(name: string, bytes: Uint8Array, onTaken?: () => void): Promise<void> {
    const { directory, path } = this.#place(name)
    const publishIt = async (part: string) => {
      try {
        const { linked } = await publish(part, path)
        if (!linked) this.capabilities.putIfAbsent = false
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') throw new CofferError('object_exists', { object: name })
        throw error
      }
      await this.#syncDirectory(directory)
    }
    await this.#withPart(name, bytes, publishIt, onTaken)
  }

  async replace(name: string, bytes: Uint8Array, expected: Uint8Array | undefined): Promise<void> {
    if (expected === undefined) {
      await this.put(name, bytes)
      return
    }
    const { directory, file, path } = this.#place(name)
    // Compare-and-rename without a lock that a crash could leave behind. Whoever wants to replace `expected` renames
    // the part file to one claim name, made of `expected`'s hash; the claim itself is what is renamed into place. So
    // of those who saw the same header only the last claimant's bytes can appear, and once: the claim is gone then,
    // and who claims later finds the header changed. Reading back tells each whether it was the one. A claim that a
    // crash left is overwritten by the next.
    const claim = join(directory, `.${file}.${createHash('sha256').update(expected).digest('hex').slice(0, 16)}.part`)
    await this.#withPart(name, bytes, async (part) => {
      await rename(part, claim)
      if (same(await this.get(name), expected)) await rename(claim, path).catch(ignoreAbsent)
      else await discard(claim)
      if (!same(await this.get(name), bytes)) throw new CofferError('object_exists', { object: name })
      await this.#syncDirectory(directory)
    })
  }

  async delete(name: string): Promise<void> {
    const { directory, path } = this.#place(name)
    try {
      await this.#rememberDevice()
      await unlink(path).catch(ignoreAbsent)
      // Also when it was absent: an earlier delete may have been cut short before its fsync.
      await this.#syncDirectory(directory).catch(ignoreAbsent)
      await this.#requireRoot(name)
    } catch (error) {
      throw folderFailure(error, name)
    }
  }

  async now(): Promise<Date> {
    const part = join(this.label, `.clock.${randomBytes(8).toString('hex')}.part`)
    try {
      const handle = await open(part, 'wx')
      try {
        return (await handle.stat()).mtime
      } finally {
        await handle.close()
        await discard(part)
      }
    } catch (error) {
      const failure = folderFailure(error, '')
      // Where nothing can be written nothing will be dated by that clock either: the local one is as good.
      const unwritable =
        failure instanceof CofferError &&
        (failure.code === 'destination_read_only' || failure.code === 'destination_full')
      if (unwritable) return new Date()
      throw failure
    }
  }

  async free(): Promise<number | undefined> {
    try {
      const { bavail, bsize } = await statfs(this.label)
      return bavail * bsize
    } catch (error) {
      if (errnoOf(error) === 'ENOSYS') return undefined
      throw folderFailure(error, '')
    }
  }

  async tidy(isOurs: (name: string) => boolean): Promise<void> {
    const abandoned = (await this.now()).getTime() - abandonedAfterMs
    for (const folder of folders) {
      const directory = join(this.label, folder)
      try {
        let removed = false
        for await (const { file, stats } of regularFiles(directory, (name) => partFile.test(name))) {
          const path = join(directory, file)
          const ours = isOurs(nameOf(folder, partFile.exec(file)?.[1] ?? ''))
          if (this.#writing.has(path) || (!ours && stats.mtime.getTime() > abandoned)) continue
          await unlink(path).catch(ignoreAbsent)
          removed = true
        }
        if (removed) await this.#syncDirectory(directory)
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw folderFailure(error, folder)
      }
    }
  }

  #place(name: string): { folder: Folder; file: string; directory: string; path: string } {
    const { folder, file } = splitName(name)
    const directory = join(this.label, folder)
    return { folder, file, directory, path: join(directory, file) }
  }

  /** Writes a part file beside the object's place, making the sub-folder if need be, and hands it to `then`. */
  async #withPart(
    name: string,
    bytes: Uint8Array,
    then: (part: string) => Promise<void>,
    onTaken?: () => void,
  ): Promise<void> {
    const { folder, file, directory } = this.#place(name)
    const part = join(directory, `.${file}.${randomBytes(8).toString('hex')}.part`)
    this.#writing.add(part)
    try {
      await this.#rememberDevice()
      const handle = await this.#makePart(folder, part, bytes)
      // From here on the bytes may become others: nobody may try once more with them.
      onTaken?.()
      await settlePart(handle, part)
      try {
        await then(part)
      } catch (error) {
        await discard(part)
        throw error
      }
    } catch (error) {
      throw folderFailure(error, name)
    } finally {
      this.#writing.delete(part)
    }
  }

  async #makePart(folder: Folder, part: string, bytes: Uint8Array): Promise<FileHandle> {
    try {
      return await makePart(part, bytes)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || folder === '') throw error
    }
    await this.#makeFolder(folder)
    return makePart(part, bytes)
  }

  async #makeFolder(folder: Folder): Promise<void> {
    await this.#requireRoot(folder)
    await mkdir(join(this.label, folder)).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error
    })
    await this.#syncDirectory(this.label)
  }

  async #rememberDevice(): Promise<void> {
    this.#device ??= (await stat(this.label, { bigint: true })).dev
  }

  /** Absence of an object, or of all, is an answer only while the archive's own folder is there. */
  async #requireRoot(object: string): Promise<void> {
    try {
      const root = await stat(this.label, { bigint: true })
      if (!root.isDirectory()) throw new CofferError('destination_unreachable', { object, reason: 'ENOTDIR' })
      if (root.dev !== this.#device) throw new CofferError('destination_unreachable', { object, reason: 'unmounted' })
    } catch (error) {
      throw folderFailure(error, object)
    }
  }
}

function nameOf(folder: Folder, file: string): string {
  return folder === '' ? file : `${folder}/${file}`
}

function same(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0
}

function ignoreAbsent(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error
}
