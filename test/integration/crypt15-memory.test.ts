import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeCrypt15, tinyDatabase } from '../fixtures/make-crypt15.ts'

const MB = 1024 * 1024
const root = Buffer.alloc(32, 4)
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'crypt15-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/**
 * Opens a file of `size` bytes in a process of its own and gives the most memory that it took, in bytes. Sampled, since
 * on Linux the system's own figure of a new process begins with that of its parent.
 */
function peakFor(size: number): number {
  const file = join(folder, `${size}.crypt15`)
  const content = deflateSync(Buffer.concat([tinyDatabase, randomBytes(size)]), { level: 0 })
  writeFileSync(file, makeCrypt15({ root, content }))
  const room = (name: string) => new URL(`../../main/core/${name}`, import.meta.url).href
  const source = `
    import { holdSecret } from '${room('keys/secret.ts')}'
    import { unlockCrypt15 } from '${room('stores/crypt15.ts')}'
    const key = holdSecret(Buffer.alloc(32, 4))
    let peak = 0
    const onProgress = () => (peak = Math.max(peak, process.memoryUsage.rss()))
    await unlockCrypt15({ file: ${JSON.stringify(file)}, key, out: ${JSON.stringify(`${file}.db`)}, onProgress })
    console.log(peak)`
  rmSync(`${file}.db`, { force: true })
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' })
  if (child.status !== 0) throw new Error(child.stderr)
  return Number(child.stdout)
}

/** When garbage is collected is chance, and a busy machine's more so; what is needed shows in the best of a few runs. */
function leastPeakFor(size: number): number {
  return Math.min(...[1, 2, 3].map(() => peakFor(size)))
}

it('opening a crypt15 file takes no more memory when the file is sixteen times as large', () => {
  expect(leastPeakFor(128 * MB) - leastPeakFor(8 * MB)).toBeLessThan(64 * MB)
})
