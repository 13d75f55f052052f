/** What the preparation says, always to standard error: standard output belongs to the task. */

/** @param {string} text */
export function say(text) {
  process.stderr.write(`${text}\n`)
}

/** Something the person has to see to. Its message is all they are shown: never a stack trace. */
export class CannotGoOn extends Error {}
