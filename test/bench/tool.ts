/** A program that backs up a folder and brings it back: Coffer, and those it is measured against. */
import type { Run } from './run-program.ts'

export type ToolName = 'coffer' | 'restic' | 'borg'

/** Starts using the tool for one store, in an empty folder of its own. */
export interface Tool {
  name: ToolName
  version: string
  begin(store: MeasuredStore, folder: string): Promise<ToolInUse>
}

export interface MeasuredStore {
  /** Holds the database and the folder `Media`. */
  folder: string
  database: string
}

export interface ToolInUse {
  /** What a cloud would hold: its growth is what was uploaded. */
  repository: string
  /** What the tool remembers on this computer, if anything. */
  backup(options?: Watch): Promise<Run>
  /** Reads and checks everything that is stored. */
  verify(options?: Watch): Promise<Run>
  /**
   * Brings the newest snapshot back into `target`, which does not exist; `restored` is where the store lies then.
   * `withoutCheck` leaves out what Coffer has SQLite check besides; the others never do.
   */
  restore(target: string, options?: Watch & { withoutCheck?: boolean }): Promise<Run & { restored: string }>
}

interface Watch {
  watchMemory?: boolean
}
