import { unlink } from 'node:fs/promises'

/** Removes a part file as far as that is possible; what stays is left to `tidy`. */
export async function discard(part: string): Promise<void> {
  await unlink(part).catch(() => undefined)
}
