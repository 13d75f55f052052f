/**
 * The operating system's keychain, through keytar. No other file may import keytar: it is archived upstream, and
 * when it has to be replaced, this is the place.
 *
 * keytar is called in a process of its own that lives for one call (keychain-process.ts). Its calls block on the
 * system's service and cannot be interrupted; on Linux, one that hangs keeps even `process.exit` waiting (seen with
 * a bus that never answers). A process can be killed; a worker thread with a hanging native call cannot. And keytar
 * wants the key as a JavaScript string, which cannot be wiped: there, the string dies with its process.
 */
import { extname } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type Answer, askProgram, Call, collect, readMessage, writeMessage } from './keychain-call.ts'
import { troubleOf, unavailable } from './keychain-trouble.ts'
import { holdSecret, lockedBuffer, type Secret, secretBytes, wipe, withSecret } from './secret.ts'
import { readKey } from './sixty-four-digits.ts'

/** The name under which people see Coffer's entries in their keychain; each entry's account is an archive's id. */
const service = 'Coffer'

/** Time to type a password into the keychain's own window; a service that hangs costs no more than this, once. */
const patienceMs = 30_000

export interface KeychainOptions {
  /** How to start a process that runs `answerKeychainCall`. Default: this Node with keychain-process. */
  program?: { file: string; args: readonly string[] }
  /** Milliseconds after which a call is given up. */
  timeoutMs?: number
  /** The environment of that process, which says where the session's keychain is. */
  env?: NodeJS.ProcessEnv
}

/** What is kept for archives, by their id. Each call can give keychain_unavailable with `fault` and `reason`. */
export interface Keychain {
  /**
   * The key of this archive, which the caller disposes of. Undefined if none is kept; on Linux also if its keyring
   * is locked and stays so, since the Secret Service then answers as if there were nothing.
   */
  get(archiveId: string): Promise<Secret | undefined>
  /** Whether `get` would find a key; the key does not leave the keychain's process. */
  has(archiveId: string): Promise<boolean>
  /** Keeps the key, in place of an earlier one of this archive. When this returns it was read back and compared. */
  set(archiveId: string, key: Secret): Promise<void>
  /** Forgets the key; false if there was none. */
  delete(archiveId: string): Promise<boolean>
}

/** The keychain of this computer. Nothing is started or asked before the first call. */
export function openKeychain(options: KeychainOptions = {}): Keychain {
  const program = {
    ...(options.program ?? ownProgram()),
    env: options.env ?? process.env,
    timeoutMs: options.timeoutMs ?? patienceMs,
  }
  return {
    get: async (archiveId) => (await askProgram(program, { action: 'get', archiveId })).key,
    has: async (archiveId) => (await askProgram(program, { action: 'has', archiveId })).found,
    set: async (archiveId, key) => {
      await askProgram(program, { action: 'set', archiveId }, key)
    },
    delete: async (archiveId) => (await askProgram(program, { action: 'delete', archiveId })).found,
  }
}

/** keychain-process lies beside this file, with the same ending, in the sources as in the build. */
function ownProgram(): { file: string; args: string[] } {
  const entry = new URL(`keychain-process${extname(fileURLToPath(import.meta.url))}`, import.meta.url)
  return { file: process.execPath, args: [fileURLToPath(entry)] }
}

/**
 * The other side: reads one call, makes it, answers. Only for a process of its own; `abandoned` is called when
 * whoever asked is gone, so that a hanging call does not leave a process behind.
 */
export async function answerKeychainCall(input: Readable, output: Writable, abandoned: () => void): Promise<void> {
  const { call, key } = await readCall(input, abandoned)
  let answer: Answer
  let found: Secret | undefined
  try {
    const kept = await perform(call, key)
    answer = { found: kept.found }
    found = kept.key
  } catch (error) {
    answer = troubleOf(error)
  }
  const message = writeMessage(answer, found)
  await new Promise<void>((resolve) => void output.write(message, () => resolve()))
  wipe(message)
  found?.dispose()
}

async function readCall(input: Readable, abandoned: () => void): Promise<{ call: Call; key: Secret | undefined }> {
  input.once('close', abandoned)
  const question = collect()
  return new Promise((resolve) => {
    input.on('data', (chunk: Buffer) => {
      question.add(chunk)
      const message = readMessage(question.soFar())
      if (!message) return
      const call = Call.parse(message.line)
      const whole = call.action === 'set' ? secretBytes : 0
      if (message.rest.length < whole) return
      const bytes = lockedBuffer(whole)
      bytes.set(message.rest.subarray(0, whole))
      question.clear()
      resolve({ call, key: call.action === 'set' ? holdSecret(bytes) : undefined })
    })
  })
}

async function perform(call: Call, key: Secret | undefined): Promise<{ found: boolean; key?: Secret }> {
  const { default: keytar } = await import('keytar')
  const account = call.archiveId
  switch (call.action) {
    case 'get': {
      const kept = await keytar.getPassword(service, account)
      return kept === null ? { found: false } : { found: true, key: readKey(kept).key }
    }
    case 'has':
      return { found: (await keytar.getPassword(service, account)) !== null }
    case 'delete':
      return { found: await keytar.deletePassword(service, account) }
    case 'set': {
      if (!key) throw new Error('a key is needed to keep one')
      const digits = withSecret(key, (bytes) => bytes.toString('hex'))
      await keytar.setPassword(service, account, digits)
      // Some services accept an entry and lose it; "kept" has to be true.
      if ((await keytar.getPassword(service, account)) !== digits) throw unavailable('not_kept')
      return { found: true }
    }
  }
}
