/**
 * A process for the memory tests: it takes a key through every way `secret.ts` lends it, one step per message, and
 * waits while its parent looks at its memory.
 */
import { CofferError } from '../../../contract/errors.ts'
import { holdSecret, type Secret, withSecret } from '../../../main/core/keys/secret.ts'
import { deriveKeys, wipeKeys } from '../../../main/core/keys/subkeys.ts'

/** Built byte by byte, so that neither the source nor a constant of it lies in memory. */
export function keyByte(index: number): number {
  return (index * 73 + 41 + ((index * index) % 97)) & 0xff
}

let secret: Secret | undefined

const steps: Record<string, () => Promise<void> | void> = {
  hold() {
    const bytes = Buffer.from(new ArrayBuffer(32))
    for (let i = 0; i < 32; i++) bytes[i] = keyByte(i)
    secret = holdSecret(bytes)
  },
  async lend() {
    const held = secret
    if (!held) throw new Error('hold first')
    withSecret(held, (bytes) => wipeKeys(deriveKeys(bytes)))
    await withSecret(held, async (bytes) => {
      await new Promise(setImmediate)
      wipeKeys(deriveKeys(bytes))
    })
    try {
      withSecret(held, () => {
        throw new CofferError('wrong_key')
      })
    } catch (error) {
      if (!(error instanceof CofferError)) throw error
    }
  },
  dispose() {
    secret?.dispose()
  },
}

if (process.send)
  process.on('message', (step: string) => {
    void Promise.resolve(steps[step]?.()).then(() => process.send?.(step))
  })
