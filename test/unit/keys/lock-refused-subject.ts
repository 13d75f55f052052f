/** A process that may not lock memory (started with that limit at zero): it uses a key all the same, and says so. */
import { makeSecret, memoryLockRefused, withSecret } from '../../../main/core/keys/secret.ts'

// The superuser is above the limit; everything is loaded by now, so anyone else will do.
if (process.getuid?.() === 0) process.setuid?.(65534)
const before = memoryLockRefused()
const secret = makeSecret()
const digits = withSecret(secret, (bytes) => bytes.length)
secret.dispose()
process.stdout.write(JSON.stringify({ before, digits, after: memoryLockRefused() }))
