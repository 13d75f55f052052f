/** Where the operator stands: everything the commands take from outside. */

export interface Bench {
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** To standard output. */
  say: (text: string) => void
  /** To standard error. */
  warn: (text: string) => void
  /** Resolves at SIGINT or SIGTERM. */
  untilToldToEnd: () => Promise<void>
}
