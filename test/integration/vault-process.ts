/** The real vault, in a process of its own, as an operator starts it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bin = join(import.meta.dirname, '..', '..', 'vault', 'bin.ts')

export interface VaultProcess {
  /** `http://127.0.0.1:<port>` */
  origin: string
  /** The same with its fingerprint, as an invite has it. */
  invited: string
  /** Its data. */
  folder: string
  /** Everything it has said so far. */
  output: () => string
  /** Kills it, and starts it again on the same data and port. */
  restart(): Promise<void>
  /** Ends it; its data stays. */
  stop(): Promise<void>
  remove(): Promise<void>
}

/** Without waits between wrong passwords. */
export async function startVaultProcess(...more: string[]): Promise<VaultProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-vault-process-'))
  let output = ''
  let child: ChildProcess | undefined
  const start = async (listen: string): Promise<string> => {
    const args = [bin, 'serve', '--listen', listen, '--data', folder, '--waits', 'off', '--limit', '0', ...more]
    const started = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', HOME: folder },
    })
    child = started
    return await new Promise<string>((resolve, reject) => {
      let own = ''
      const hear = (chunk: Buffer): void => {
        own += chunk.toString()
        output += chunk.toString()
        const address = /https?:\/\/\S+#[\w-]{43}/.exec(own)?.[0]
        if (address) resolve(address)
      }
      started.stdout.on('data', hear)
      started.stderr.on('data', hear)
      started.once('exit', (code) => reject(new Error(`the vault ended with ${code ?? 'a signal'}:\n${own}`)))
    })
  }
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null) return
    const ended = new Promise((resolve) => running.once('exit', resolve))
    running.kill(signal)
    await ended
  }
  const invited = await start('127.0.0.1:0')
  const origin = new URL(invited).origin
  return {
    origin,
    invited,
    folder,
    output: () => output,
    async restart() {
      await stop('SIGKILL')
      await start(new URL(origin).host)
    },
    stop: () => stop('SIGTERM'),
    async remove() {
      await stop('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
