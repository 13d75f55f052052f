import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import { perform, type Work } from '../../../main/cli/perform.ts'
import type { Surroundings } from '../../../main/cli/surroundings.ts'

/** A process as the command line sees one, without a terminal. */
function surroundings(): {
  world: Surroundings
  out: () => string
  err: () => string
  signals: EventEmitter
  ends: { count: number }
} {
  const signals = new EventEmitter()
  const written = { out: '', err: '' }
  const ends = { count: 0 }
  const nobody = {
    isTTY: false,
    setRawMode: () => undefined,
    on: () => undefined,
    off: () => undefined,
    resume: () => undefined,
    pause: () => undefined,
  }
  const unused = (): never => {
    throw new Error('not used here')
  }
  const world: Surroundings = {
    args: [],
    env: { COFFER_HOME: '/home/ada/coffer' },
    platform: 'linux',
    userHome: '/home/ada',
    standing: '/',
    stdin: nobody,
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string) => (written.err += text) },
    signals,
    now: () => new Date(0),
    elapsed: () => 0,
    keychain: { get: unused, has: unused, set: unused, delete: unused },
    startWorker: unused,
    network: { send: unused, wait: unused, deadlineMs: 0 },
    userName: 'ada',
    endNow: () => (ends.count += 1),
  }
  return { world, out: () => written.out, err: () => written.err, signals, ends }
}

/** Waits until it is cancelled, as a job does between two pieces of work. */
const untilCancelled: Work = ({ signal }) =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })

describe('running a command', () => {
  it('writes the result to standard output and everything else to standard error', async () => {
    const { world, out, err } = surroundings()
    const code = await perform(world, { json: false }, async ({ note, onProgress, home, ask }) => {
      onProgress({ phase: 'seal', done: 0, total: 0 })
      note(`in ${home}, ${ask ? 'with' : 'without'} a person`)
      return { json: {}, text: 'Done.', warnings: [{ code: 'fork', detail: {} }] }
    })
    expect(code).toBe(1)
    expect(out()).toBe('Done.\n')
    expect(err()).toMatch(/^Sealing\nin \/home\/ada\/coffer, without a person\n\nWarning: Two computers/)
  })

  it('writes exactly one JSON document with --json, and nothing else anywhere', async () => {
    const { world, out, err } = surroundings()
    await perform(world, { json: true }, async ({ note, onProgress }) => {
      onProgress({ phase: 'seal', done: 0, total: 0 })
      note('unheard')
      return { json: { a: 1 }, text: 'Done.', warnings: [{ code: 'fork', detail: {} }] }
    })
    expect(out()).toBe('{"a":1}\n')
    expect(err()).toBe('')
  })

  it('makes an error the result with --json, and words without', async () => {
    const failing: Work = () => Promise.reject(new CofferError('wrong_key', { from: 'keychain' }))
    const program = surroundings()
    expect(await perform(program.world, { json: true }, failing)).toBe(3)
    expect(JSON.parse(program.out())).toMatchObject({ error: { code: 'wrong_key', from: 'keychain' } })
    const person = surroundings()
    expect(await perform(person.world, { json: false }, failing)).toBe(3)
    expect([person.out(), person.err()]).toEqual([
      '',
      'This key does not open this archive.\n  from: keychain\nCheck that it is the key of this archive.\n',
    ])
  })

  it('cancels on Ctrl-C, a closed terminal or a shutdown, waits for the job, and ends with 130', async () => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      const { world, signals, out, ends } = surroundings()
      const ended = perform(world, { json: true }, untilCancelled)
      signals.emit(signal)
      expect(await ended).toBe(130)
      expect(JSON.parse(out())).toMatchObject({ error: { code: 'cancelled' } })
      expect(ends.count).toBe(0)
      expect(signals.eventNames()).toEqual([])
    }
  })

  it('counts what Node throws for an aborted signal as cancelled, but only when it was', async () => {
    const abort = Object.assign(new Error('aborted'), { name: 'AbortError' })
    const stray = surroundings()
    expect(await perform(stray.world, { json: true }, () => Promise.reject(abort))).toBe(70)
    const { world, signals } = surroundings()
    const work: Work = ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(abort))
      })
    const ended = perform(world, { json: true }, work)
    signals.emit('SIGINT')
    expect(await ended).toBe(130)
  })

  it('ends at once on the second Ctrl-C, also when the job never does', () => {
    const { world, signals, ends } = surroundings()
    void perform(world, { json: false }, () => new Promise(() => undefined))
    signals.emit('SIGINT')
    expect(ends.count).toBe(0)
    signals.emit('SIGINT')
    expect(ends.count).toBe(1)
  })
})
