import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { keyByte } from './memory-subject.ts'

const subject = fileURLToPath(new URL('memory-subject.ts', import.meta.url))
const needle = Buffer.from(Array.from({ length: 32 }, (_, i) => keyByte(i)))

let child: ChildProcess | undefined

afterEach(() => child?.kill('SIGKILL'))

// /proc/<pid>/mem of one's own child can be read without privileges, and shows what a core dump would.
describe.runIf(process.platform === 'linux')('a process that has used a key', () => {
  it('holds it exactly once while it needs it, and nowhere once it is disposed of', async () => {
    child = fork(subject, { execArgv: [] })
    await step(child, 'hold')
    expect(copiesOf(needle, child)).toBe(1)
    await step(child, 'lend')
    expect(copiesOf(needle, child)).toBe(1)
    await step(child, 'dispose')
    expect(copiesOf(needle, child)).toBe(0)
    expect(copiesOf(needle.subarray(0, 16), child)).toBe(0)
    expect(copiesOf(needle.subarray(16), child)).toBe(0)
  })
})

async function step(process: ChildProcess, name: string): Promise<void> {
  const answer = once(process, 'message')
  process.send(name)
  expect(await answer).toContain(name)
}

/** How often `bytes` occurs in the writable memory of a process. */
function copiesOf(bytes: Buffer, process: ChildProcess): number {
  const memory = openSync(`/proc/${process.pid}/mem`, 'r')
  const chunk = Buffer.alloc(4 * 1024 * 1024)
  let copies = 0
  try {
    for (const line of readFileSync(`/proc/${process.pid}/maps`, 'latin1').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
      if (from === undefined || to === undefined) continue
      let at = Number.parseInt(from, 16)
      const end = Number.parseInt(to, 16)
      while (at < end) {
        const length = readSome(memory, chunk, Math.min(chunk.length, end - at), at)
        if (length === 0) break
        const read = chunk.subarray(0, length)
        for (let hit = read.indexOf(bytes); hit >= 0; hit = read.indexOf(bytes, hit + 1)) copies++
        // Overlap, so that a copy across two chunks is seen too.
        at += at + length < end ? length - bytes.length + 1 : length
      }
    }
  } finally {
    closeSync(memory)
  }
  return copies
}

function readSome(memory: number, into: Buffer, length: number, at: number): number {
  try {
    return readSync(memory, into, 0, length, at)
  } catch {
    return 0 // a mapping that cannot be read, such as a guard page
  }
}
