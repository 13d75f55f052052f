/** Very many schedules of the adversarial relay (test/faults/vault-relay.ts). */
import { playSchedules } from '../faults/vault-relay.ts'

/** Throws at the first schedule in which the vault does what it must not. */
export async function relaySchedules({ count, seed }: { count: number; seed: number }): Promise<void> {
  const began = performance.now()
  const onWorld = (done: number): void => {
    if (done === 0 || done % 5000 !== 0) return
    process.stdout.write(`vault: ${done} of ${count} schedules, ${Math.round((performance.now() - began) / 1000)} s\n`)
  }
  await playSchedules({ seed, count, onWorld })
  process.stdout.write(`vault: ${count} schedules\n`)
}
