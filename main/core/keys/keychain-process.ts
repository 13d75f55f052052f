/** The process of one call to the keychain: see keychain.ts. It ends with its call, whatever keytar left running. */
import { answerKeychainCall } from './keychain.ts'

/** Not process.exit, which waits for keytar's threads: a hanging one would keep this process for ever. */
const end = () => process.kill(process.pid, 'SIGKILL')

await answerKeychainCall(process.stdin, process.stdout, end)
process.exit(0)
