/** The files being written: each is open from its first piece to its last, and none stays open, whatever happens. */
import { closeSync, ftruncateSync, futimesSync, openSync } from 'node:fs'
import { CofferError } from '../../../../contract/errors.ts'
import type { TargetFile } from '../../archive/read/open-task.ts'
import { localFailure } from '../../archive/read/local-failure.ts'
import type { RestoringFile } from './file-batches.ts'

export class OpenFiles {
  readonly #open = new Map<RestoringFile, number>()

  /** The descriptor of a file; makes it when its first piece is on its way. */
  begin(file: RestoringFile): number {
    const known = this.#open.get(file)
    if (known !== undefined) return known
    const fd = fresh(file.path, () => openSync(file.file, 'wx', 0o600))
    this.#open.set(file, fd)
    return fd
  }

  /** How a worker comes by a file: open already, or to be made by it where all its pieces are in one worker's hands. */
  target(file: RestoringFile, { alone }: { alone: boolean }): TargetFile {
    if (!alone || this.#open.has(file)) return { fd: this.begin(file) }
    return { make: typeof file.file === 'string' ? file.file : Uint8Array.from(file.file) }
  }

  /** Takes over a file that a worker made. */
  adopt(file: RestoringFile, fd: number): void {
    this.#open.set(file, fd)
  }

  /** All its pieces are written or lost: gives a file its size and its time, brings it to the disk and closes it. */
  async finish(file: RestoringFile, sync: (fd: number, path: string) => Promise<void>): Promise<void> {
    const fd = this.begin(file)
    const { path, lost, entry } = file
    fresh(path, () => {
      // What could not be had at its end is zeros like any other hole.
      if (lost > 0) ftruncateSync(fd, entry.size)
      futimesSync(fd, ...times(entry.modified))
    })
    await sync(fd, path)
    this.#open.delete(file)
    closeSync(fd)
  }

  /** Closes what a failure left open. Only when no worker writes any more: a descriptor could become another file's. */
  closeAll(): void {
    for (const fd of this.#open.values()) closeSync(fd)
    this.#open.clear()
  }
}

/** Access and modification time as Node takes them: seconds, as exact as a double holds them (a quarter microsecond today). */
function times(nanoseconds: bigint): [number | Date, number | Date] {
  // Before 1970 Node takes no number, only a date, which has milliseconds.
  const time = nanoseconds < 0n ? new Date(Number(nanoseconds / 1_000_000n)) : Number(nanoseconds) / 1e9
  return [time, time]
}

/** Makes something new. In our own folder nothing can be in the way but what this archive put there. */
export function fresh<T>(path: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw freshFailure(error, path)
  }
}

/** What it means that something new could not be made. */
export function freshFailure(error: unknown, path: string): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR')
    return new CofferError('map_damaged', { path, reason: 'two of this name' }, { cause: error })
  return localFailure(error, path)
}
