/**
 * `npm run soak`: what `npm test` shows a dozen times, a few hundred times.
 *
 *     npm run soak                       all of it, about three quarters of an hour
 *     npm run soak -- kills 500          so many kills at random moments
 *     npm run soak -- interrupts 100     the same with Ctrl-C
 *     npm run soak -- moments            a kill before and after every call that changes something on a disk
 *     npm run soak -- calls              every call to a destination fails, once and for good
 *     npm run soak -- disks              disks that fill up or are taken away at every moment
 *     npm run soak -- meanwhile          a backup or a forget while another process reads, at every call
 *     npm run soak -- vault 100000       so many schedules of an adversarial relay against the vault
 *     npm run soak -- vault-kills 500    so many kills of a vault under load
 *
 * Every draw comes from one seed, which is printed; COFFER_SEED=… has a run again. Ends at the first failure, since
 * what follows one would build upon it.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Random } from '../fixtures/random.ts'
import { chooseSeed } from '../faults/seed.ts'
import { killVault } from '../faults/vault-killed.ts'
import { everyMoment } from './every-moment.ts'
import { relaySchedules } from './relay-schedules.ts'
import { randomMoments } from './random-moments.ts'

const [part = 'all', count] = process.argv.slice(2)
const seed = chooseSeed('soak')

const parts: Record<string, () => Promise<void>> = {
  kills: () => randomMoments({ count: Number(count ?? 120), seed, signal: 'SIGKILL' }),
  interrupts: () => randomMoments({ count: Number(count ?? 60), seed, signal: 'SIGINT' }),
  moments: () => everyMoment(seed),
  calls: () => Promise.resolve(vitest('test/faults/every-call.test.ts')),
  disks: () => Promise.resolve(vitest('test/faults/disks.test.ts')),
  vault: () => relaySchedules({ count: Number(count ?? 5000), seed }),
  'vault-kills': async () => {
    const receipts = await killVault({ count: Number(count ?? 100), random: new Random(seed) })
    process.stdout.write(`vault: all of ${receipts} answered receipts were there after every kill\n`)
  },
  meanwhile: () => Promise.resolve(vitest('test/faults/meanwhile.test.ts')),
}
const chosen = part === 'all' ? Object.values(parts) : [parts[part] ?? unknownPart()]
for (const run of chosen) await run()
process.stdout.write('All is well.\n')

function vitest(file: string): void {
  const root = join(import.meta.dirname, '..', '..')
  const program = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const { status } = spawnSync(process.execPath, [program, 'run', file], {
    cwd: root,
    env: { ...process.env, COFFER_SOAK: '1' },
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(1)
}

function unknownPart(): never {
  process.stderr.write(`There is no “${part}”. Parts: ${Object.keys(parts).join(', ')}.\n`)
  process.exit(2)
}
