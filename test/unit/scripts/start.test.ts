import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, it } from 'vitest'
import { exitCode } from '../../../scripts/start.mjs'

const folder = mkdtempSync(join(tmpdir(), 'coffer-start-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})
const starter = join(folder, 'starter.mjs')
writeFileSync(
  starter,
  `import { start } from ${JSON.stringify(new URL('../../../scripts/start.mjs', import.meta.url).href)}
  process.exitCode = await start(process.execPath, ['-e', process.argv[2]], { cwd: process.cwd(), env: process.env })`,
)

/** Starts `code` as a task; its words, and a way to signal the starter once it has said “ready”. */
function task(code: string) {
  const child = spawn(process.execPath, [starter, code], { stdio: ['ignore', 'pipe', 'pipe'] })
  const words = text(child.stdout)
  return {
    async signalWhenReady(signal: NodeJS.Signals) {
      await once(child.stdout, 'data')
      child.kill(signal)
      // As npm does when a whole group of processes gets a signal: at once, the same again.
      child.kill(signal)
    },
    async end() {
      const [code] = (await once(child, 'close')) as [number | null]
      return { code, words: await words }
    },
  }
}

describe('a task that is started', () => {
  it.each([0, 1, 3, 130])('ends us with its own exit code, %i', async (code) => {
    expect((await task(`process.exit(${code})`).end()).code).toBe(code)
  })

  it('says what it says, and nothing else is said', async () => {
    expect((await task(`process.stdout.write('{}')`).end()).words).toBe('{}')
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('gets our %s once, and time to tidy up', async (signal) => {
    // It would end with 1 at a second signal, and with 99 if it never got one.
    const running = task(`
      let signals = 0
      process.on('${signal}', () => { if (++signals > 1) process.exit(1); setTimeout(() => process.exit(130), 50) })
      setTimeout(() => process.exit(99), 30_000)
      console.log('ready')`)
    await running.signalWhenReady(signal)
    expect((await running.end()).code).toBe(130)
  })

  it.runIf(process.platform !== 'win32')('is asked to end when whoever started us is gone', async () => {
    const code = `
      process.on('SIGTERM', () => { console.log('asked'); process.exit() })
      setTimeout(() => process.exit(99), 30_000)
      console.log('ready')`
    // As npm does: a shell in between, which a signal ends and does not pass on.
    const line = `"${process.execPath}" "${starter}" "$CODE"; exit`
    const shell = spawn('sh', ['-c', line], {
      env: { ...process.env, CODE: code },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const words = text(shell.stdout)
    await once(shell.stdout, 'data')
    shell.kill('SIGKILL')
    expect(await words).toBe('ready\nasked\n')
  })

  it('that a signal ends is told as shells tell it', async () => {
    expect((await task(`process.kill(process.pid, 'SIGKILL')`).end()).code).toBe(137)
    expect(exitCode(null, 'SIGTERM')).toBe(143)
    expect(exitCode(null, null)).toBe(1)
  })
})
