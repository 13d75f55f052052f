/** Where the real data that other projects published lies, or undefined on a computer that does not have it. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = process.env['COFFER_FIXTURES'] ?? resolve(import.meta.dirname, '../../../../shared/fixtures')

export function fixture(...path: string[]): string | undefined {
  const file = join(root, ...path)
  return existsSync(file) ? file : undefined
}

/** The folder, if it is not there: then made-up stores of the same schemas stand in, except in CI. */
export const missingFixtures = existsSync(root) ? undefined : root

/** The digits of the key that `whatsapp-crypt15` was published with. */
export const crypt15Digits = '6730a595a1484d0c39c101dc0ac82ec5e401bb6f0e1b8ee2dc104a6b3687f017'
