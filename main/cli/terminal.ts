/** Gives the command line the real terminal, and waits until everything it said has been taken. */
import { readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { openKeychain } from '../core/keys/keychain.ts'
import { openNetwork } from '../core/vault/network.ts'
import { startWorker } from '../engine/start-worker.ts'
import { asksForJson, main } from './index.ts'
import { writeFailure } from './perform.ts'

/** Runs the command this process was started with, and ends the process. */
export async function runInTerminal(): Promise<void> {
  const { stdin, stdout, stderr } = process
  // A reader that has seen enough (`coffer snapshots … | head`) is no error, and no reason to stop a backup.
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
  const surroundings = {
    args: process.argv.slice(2),
    env: process.env,
    platform: process.platform,
    userHome: homedir(),
    standing: process.cwd(),
    stdin,
    stdout,
    stderr,
    signals: process,
    now: () => new Date(),
    elapsed: () => performance.now(),
    keychain: openKeychain(),
    startWorker,
    network: openNetwork(),
    userName: ownName(),
    endNow,
  }
  // What nobody caught is a mistake of ours. Node would end with 1, which here means that all went well but for warnings.
  process.on('uncaughtException', (error) => {
    process.exit(writeFailure(surroundings, { json: asksForJson(surroundings.args) }, error))
  })
  const code = await main(surroundings, ownVersion())
  // Writing to a pipe may still be under way; ending before would cut the result short.
  await Promise.all([stdout, stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))))
  process.exit(code)
}

/**
 * Ends this process as Ctrl-C ends one that does not listen. process.exit would wait for whatever Node's threads are
 * doing, and a network mount that hangs can keep those for ever.
 */
function endNow(): void {
  process.removeAllListeners('SIGINT')
  process.kill(process.pid, 'SIGINT')
}

/** A computer need not know who its users are. */
function ownName(): string {
  try {
    return userInfo().username
  } catch {
    return ''
  }
}

/** package.json lies two folders up in the sources and one in the build. */
function ownVersion(): string {
  const up = import.meta.url.endsWith('.ts') ? '../../package.json' : '../package.json'
  const found: unknown = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8'))
  return typeof found === 'object' && found !== null && 'version' in found ? String(found.version) : 'unknown'
}
