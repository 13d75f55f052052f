/** Everything the command line takes from outside; bin.ts gives it the real ones, tests may give others. */
import type { StartWorker } from '../core/archive/workers.ts'
import type { Keychain } from '../core/keys/keychain.ts'
import type { Network } from '../core/vault/request.ts'
import type { TerminalInput } from './ask-key.ts'
import type { Computer } from './home.ts'
import type { SignalSource } from './interrupts.ts'
import type { Watched } from './progress-bar.ts'

export interface Surroundings extends Computer {
  /** What follows `coffer`. */
  args: readonly string[]
  /** Changed in one way only: COFFER_KEY is taken out once it has been read. */
  env: Record<string, string | undefined>
  stdin: TerminalInput
  stdout: Watched
  stderr: Watched
  signals: SignalSource
  now: () => Date
  /** Milliseconds from some moment on, never backwards. */
  elapsed: () => number
  keychain: Keychain
  startWorker: StartWorker
  /** How vaults are reached. */
  network: Network
  /** The person's name on this computer, which is no password; empty where there is none. */
  userName: string
  /** Ends the process at once, whatever it is doing. */
  endNow: () => void
}
