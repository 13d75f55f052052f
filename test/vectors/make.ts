/**
 * Makes the test vectors of docs/FORMAT.md in a new folder:
 *
 *     node test/vectors/make.ts FOLDER
 *
 * Ids and nonces are random, so each run gives other bytes; those beside this file were made once and stay. Make them
 * anew only for a new version of the format.
 */
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { makeArchives } from './make-archives.ts'
import { makeInvalid } from './make-invalid.ts'
import { makeValues } from './make-values.ts'

const [folder] = process.argv.slice(2)
if (!folder) {
  process.stderr.write('node test/vectors/make.ts FOLDER\n')
  process.exit(2)
}
// Fails where there is something: vectors are never overwritten.
mkdirSync(resolve(folder))
makeValues(resolve(folder))
await makeArchives(resolve(folder))
makeInvalid(resolve(folder))
