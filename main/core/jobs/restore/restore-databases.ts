/** The databases of a restore: each is written, brought to the disk, and looked at by SQLite while files still come. */
import type { Warning } from '../../../../contract/errors.ts'
import { quickCheck } from './integrity.ts'
import type { Missing } from './missing.ts'
import type { RestoreRun } from './run.ts'
import type { Staging } from './staging.ts'
import type { Survey } from './survey-files.ts'
import { writeDatabase } from './write-database.ts'

export class DatabaseRestore {
  /** Those that came back, with their names in the target. */
  readonly written: { file: string; name: Buffer }[] = []
  readonly missing: Missing[] = []
  /** restored_damaged; complete once the integrity is known. */
  readonly warnings: Warning[] = []
  readonly #run: RestoreRun
  readonly #staging: Staging
  readonly #wantsCheck: boolean
  #checks: Promise<string>
  /** On their way to the disk; none is left open. */
  readonly #onDisk: Promise<{ error: unknown } | undefined>[] = []

  constructor(run: RestoreRun, staging: Staging, { quickCheck: wantsCheck }: { quickCheck: boolean }) {
    this.#run = run
    this.#staging = staging
    this.#wantsCheck = wantsCheck
    this.#checks = Promise.resolve(wantsCheck ? 'ok' : 'not checked')
  }

  /** Writes these databases. What follows of it goes on behind: `allOnDisk` and `integrity` tell how it went. */
  async restore(databases: Survey['databases']): Promise<void> {
    for (const [n, { entry, name }] of databases.entries()) {
      const file = this.#staging.database(n)
      const { missing: lost, sync } = await writeDatabase(this.#run, entry, file)
      this.#onDisk.push(settled(sync()))
      if (lost > 0) this.missing.push({ path: entry.path, pages: lost, bytes: lost * entry.pageSize })
      if (lost === entry.pages && lost > 0) continue
      this.written.push({ file, name })
      // Where pages are known to be lost a complaint tells nothing new.
      if (this.#wantsCheck) this.#check(file, lost > 0 ? undefined : entry.path)
    }
  }

  /** Waits until all of it is on the disk; throws what went wrong on the way. */
  async allOnDisk(): Promise<void> {
    for (const failure of await Promise.all(this.#onDisk)) if (failure) throw failure.error
  }

  /** 'ok' if SQLite finds nothing wrong, else its first complaint; 'not checked' if that is not wanted. */
  integrity(): Promise<string> {
    return this.#checks
  }

  /** Waits until no descriptor is open any more. */
  async close(): Promise<void> {
    await Promise.all(this.#onDisk)
  }

  /** One after the other. */
  #check(file: string, whole: string | undefined): void {
    this.#checks = this.#checks.then(async (before) => {
      const found = await quickCheck(file)
      if (found !== 'ok' && whole !== undefined)
        this.warnings.push({ code: 'restored_damaged', detail: { database: whole, reason: found } })
      return before === 'ok' ? found : before
    })
    // Whoever awaits it later learns of its failure; until then it is nobody's unhandled one.
    this.#checks.catch(() => undefined)
  }
}

/** Why something failed; undefined if it did not. */
async function settled(work: Promise<void>): Promise<{ error: unknown } | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    return { error }
  }
}
