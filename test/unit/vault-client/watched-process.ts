/** The password process, which first writes down what other programs of the same user could read of it. */
import { writeFileSync } from 'node:fs'

const [, , notes = ''] = process.argv
writeFileSync(notes, JSON.stringify([process.argv, process.execArgv, process.env, process.title]))
await import('../../../main/core/vault/password-process.ts')
