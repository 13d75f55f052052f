/** The store as its owner has it: one place whose contents go from one day to the next, and back for another round. */
import { copyFileSync, mkdirSync, rmSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { MadeFile } from '../fixtures/make-media.ts'
import type { MeasuredStore } from './tool.ts'

/** The store before, a day later, and one more day later after a VACUUM. */
export const states = ['base', 'day', 'later'] as const
export type State = (typeof states)[number]

export class LiveStore implements MeasuredStore {
  readonly folder: string
  readonly database: string
  /** Each state's database, and its new media: the first state's lie in the live folder for good. */
  readonly #made: string
  readonly #media: Record<State, MadeFile[]>

  constructor(made: string, media: Record<State, MadeFile[]>) {
    this.folder = join(made, 'live')
    this.database = join(this.folder, 'msgstore.db')
    this.#made = made
    this.#media = media
  }

  /** Where that state's database is kept. */
  databaseOf(state: State): string {
    return join(this.#made, `${state}.db`)
  }

  /** New media of that state. */
  mediaOf(state: State): readonly MadeFile[] {
    return this.#media[state]
  }

  /** Makes the live store what it was on that day. */
  become(state: State): void {
    copyFileSync(this.databaseOf(state), this.database)
    // Left by a run that was interrupted while a program had the database open.
    for (const suffix of ['-wal', '-shm', '-journal']) rmSync(this.database + suffix, { force: true })
    for (const day of ['day', 'later'] as const) {
      const here = states.indexOf(day) <= states.indexOf(state)
      for (const { path, time } of this.#media[day]) {
        const live = join(this.folder, path)
        if (!here) {
          rmSync(live, { force: true })
          continue
        }
        mkdirSync(dirname(live), { recursive: true })
        copyFileSync(join(this.#made, 'kept', path), live)
        utimesSync(live, time / 1000, time / 1000)
      }
    }
  }
}
