/** The process that talks to the token: see token-call.ts. It ends when the vault does, or lets go of it. */
import { KeystoreUnavailable, KeystoreWrong, SealRefused } from './keystore.ts'
import { readAnchor, writeAnchor } from './token-anchor.ts'
import { type Answer, canaryBound, MissingKey, type Question, type TokenCalls, type Trouble } from './token-call.ts'
import { addSeal, createKeys, destroySeal, identity, listSeals } from './token-keys.ts'
import { open, seal, sign } from './token-seal.ts'
import { openSessions, sentence, type Session, type Sessions } from './token-session.ts'

let sessions: Sessions | undefined

function loggedIn(): Sessions {
  if (!sessions) throw new Error('not logged in')
  return sessions
}

function use<T>(work: (session: Session) => T): T {
  return loggedIn().use(work)
}

const calls: TokenCalls = {
  async login(place) {
    sessions = await openSessions(place)
    return sessions.info
  },
  create: () => use(createKeys),
  identity: () => use((session) => identity(session).spki),
  sign: (digest) => use((session) => sign(session, bytes(digest))),
  epochs: () =>
    use((session) => {
      const { epochs, seals } = listSeals(session)
      for (const known of session.seals.keys()) if (!seals.has(known)) session.seals.delete(known)
      return epochs
    }),
  addEpoch: () =>
    use((session) => {
      const epoch = (listSeals(session).epochs.at(-1) ?? 0) + 1
      addSeal(session, epoch)
      return epoch
    }),
  destroyEpoch: (epoch) => use((session) => destroySeal(session, epoch)),
  seal: (epoch, nonce, plain, bound) =>
    use((session) => seal(session, epoch, bytes(nonce), bytes(plain), bytes(bound))),
  open: (epoch, sealed, bound, canary) =>
    open(loggedIn(), epoch, bytes(sealed), bytes(bound), { sealed: bytes(canary), bound: canaryBound }),
  readAnchor: (node) => use((session) => readAnchor(session, node)),
  writeAnchor: (node, anchor, known) => use((session) => writeAnchor(session, node, anchor, known)),
}

function bytes(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

async function answer({ id, name, args }: Question): Promise<Answer> {
  try {
    // The other side is token-link.ts, whose types are these: what it asks has the arguments of its name.
    const call = calls[name] as (...args: unknown[]) => unknown
    return { id, value: await call(...args) }
  } catch (error) {
    return { id, trouble: troubleOf(error) }
  }
}

function troubleOf(error: unknown): Trouble {
  if (error instanceof MissingKey) return { kind: 'missing', epochs: error.epochs }
  const said = sentence(error)
  if (error instanceof KeystoreWrong) return { kind: 'wrong', said }
  if (error instanceof KeystoreUnavailable) return { kind: 'unavailable', said }
  if (error instanceof SealRefused) return { kind: 'refused', said }
  return { kind: 'failed', said }
}

// One call after the other: PKCS#11 sessions are not to be used by two at once.
let last = Promise.resolve()
process.on('message', (questions: readonly Question[]) => {
  last = last.then(async () => {
    const answers: Answer[] = []
    for (const question of questions) answers.push(await answer(question))
    // When the vault is gone, nobody waits for it.
    if (process.connected) process.send?.(answers, () => undefined)
  })
})
process.on('disconnect', () => {
  try {
    sessions?.close()
  } finally {
    process.exit(0)
  }
})
