/** Tests of full, read-only and vanishing disks: whether they can run here, and a disk for them. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Linux lets an ordinary user mount a memory disk in a namespace of its own, where that is not switched off. */
export const canMount =
  process.platform === 'linux' && spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'coffer', '/mnt']).status === 0

/** Says on standard error that these tests are not run, where nobody can mount a disk: none is left out in silence. */
export function tellIfSkipped(tests: string): void {
  if (!canMount) process.stderr.write(`skipped: ${tests}, since this system lets nobody mount one\n`)
}

/** Runs a script of this folder in a mount namespace of its own, with a folder to mount on; what it printed as JSON. */
export function playOnDisk(script: string): unknown {
  const disk = mkdtempSync(join(tmpdir(), 'coffer-disk-'))
  try {
    const args = ['-rm', process.execPath, join(import.meta.dirname, script), disk]
    return JSON.parse(execFileSync('unshare', args, { encoding: 'utf8' }))
  } finally {
    rmSync(disk, { recursive: true, force: true })
  }
}
