/** How far sealing is, when databases and media are sealed at the same time and how much media is new is not yet known. */
import type { StoreSnapshot } from '../stores/store.ts'
import type { OnProgress } from './progress.ts'

export class SealProgress {
  private readonly onProgress: OnProgress
  private readonly databases: number
  private media = 0
  private done = 0

  constructor({ databases }: Pick<StoreSnapshot, 'databases'>, onProgress: OnProgress) {
    this.onProgress = onProgress
    this.databases = databases.reduce((sum, { source }) => sum + source.pageCount * source.pageSize, 0)
  }

  /** Media of so many bytes was found to be new. */
  expect(bytes: number): void {
    this.media += bytes
  }

  did(bytes: number, item = ''): void {
    this.done += bytes
    const total = this.databases + this.media
    // A file that grew, or is read again, takes more than was expected: then there is no total to show.
    this.onProgress({ phase: 'seal', done: this.done, total: this.done <= total ? total : 0, item })
  }
}
