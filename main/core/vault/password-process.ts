/** The process of one registration or one login: see password-work.ts. */
import { answerPasswordSteps } from './password-work.ts'

await answerPasswordSteps(process.stdin, process.stdout)
process.exit(0)
