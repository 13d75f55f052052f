/** In the token's process: the library, the token, and a session that is logged in and has not failed yet. */
import type * as pkcs11js from 'pkcs11js'
import type { Handle, PKCS11, TokenInfo as Described } from 'pkcs11js'
import { KeystoreUnavailable, KeystoreWrong, SealRefused } from './keystore.ts'
import { MissingKey, type TokenInfo, type TokenPlace } from './token-call.ts'

/** pkcs11js: its numbers by name. */
export type Numbers = typeof pkcs11js

/** What was found lives as long as the session, whose handles it is made of. */
export interface Session {
  token: PKCS11
  is: Numbers
  handle: Handle
  place: TokenPlace
  seals: Map<number, Handle>
  identity?: { key: Handle; spki: Buffer }
  anchors: Map<string, { handle: Handle; sequence: number }>
}

export interface Sessions {
  info: TokenInfo
  /** Runs `work` in a session; after any error of the token's it is discarded, and the next call opens another. */
  use<T>(work: (session: Session) => T): T
  close(): void
}

/** Loads the library and logs in. KeystoreWrong for what an operator has to put right, KeystoreUnavailable otherwise. */
export async function openSessions(place: TokenPlace): Promise<Sessions> {
  const is = await loadPackage()
  const token = new is.PKCS11()
  try {
    token.load(place.module)
  } catch (error) {
    throw new KeystoreWrong(`The PKCS#11 library ${place.module} cannot be loaded: ${sentence(error)}`)
  }
  try {
    token.C_Initialize({ flags: is.CKF_OS_LOCKING_OK })
  } catch (error) {
    throw new KeystoreUnavailable(`The PKCS#11 library ${place.module} does not start: ${sentence(error)}`)
  }
  let pinRefused: KeystoreWrong | undefined
  let current: Session | undefined
  let info: TokenInfo | undefined

  function openOne(): Session {
    // Tokens lock themselves after a few wrong PINs. One that was refused is never tried again.
    if (pinRefused) throw pinRefused
    const found = findToken(token, is, place.tokenLabel)
    const handle = token.C_OpenSession(found.slot, is.CKF_SERIAL_SESSION | is.CKF_RW_SESSION)
    try {
      logIn(token, is, handle, found.described, place)
    } catch (error) {
      if (error instanceof KeystoreWrong) pinRefused = error
      discard(handle)
      throw error
    }
    info = { manufacturer: found.described.manufacturerID.trim(), model: found.described.model.trim() }
    return { token, is, handle, place, seals: new Map(), anchors: new Map() }
  }

  function discard(handle: Handle): void {
    try {
      token.C_CloseSession(handle)
    } catch {
      // It is gone already, which is often why it is discarded.
    }
  }

  function use<T>(work: (session: Session) => T): T {
    current ??= openOne()
    try {
      return work(current)
    } catch (error) {
      // These two are our own conclusions; anything else came from the token, or from we do not know where.
      if (error instanceof SealRefused || error instanceof MissingKey) throw error
      discard(current.handle)
      current = undefined
      throw error
    }
  }

  use(({ handle }) => token.C_GetSessionInfo(handle))
  if (!info) throw new Error('a session without a token')
  return {
    info,
    use,
    close() {
      if (current) discard(current.handle)
      token.C_Finalize()
    },
  }
}

async function loadPackage(): Promise<Numbers> {
  try {
    const { default: loaded } = await import('pkcs11js')
    return loaded
  } catch (error) {
    throw new KeystoreWrong(
      `The npm package pkcs11js is not installed or was not compiled; it needs a C++ compiler, make and python3, and then “npm rebuild pkcs11js”. (${sentence(error)})`,
    )
  }
}

function findToken(token: PKCS11, is: Numbers, label: string): { slot: Handle; described: Described } {
  const all = token.C_GetSlotList(true).flatMap((slot) => {
    const described = token.C_GetTokenInfo(slot)
    return described.flags & is.CKF_TOKEN_INITIALIZED ? [{ slot, described }] : []
  })
  const fitting = all.filter(({ described }) => described.label.trim() === label)
  const [only, another] = fitting
  if (another) throw new KeystoreWrong(`There are ${fitting.length} tokens labelled “${label}”: one has to be renamed.`)
  if (only) return only
  const others = all.map(({ described }) => `“${described.label.trim()}”`).join(', ') || 'none'
  throw new KeystoreUnavailable(`There is no token labelled “${label}” now. Those there: ${others}.`)
}

function logIn(
  token: PKCS11,
  is: Numbers,
  handle: Handle,
  { flags }: Described,
  { pin, tokenLabel }: TokenPlace,
): void {
  if (flags & is.CKF_USER_PIN_LOCKED)
    throw new KeystoreWrong(
      `The PIN of the token “${tokenLabel}” is locked. Its security officer has to set a new one.`,
    )
  if (flags & is.CKF_USER_PIN_FINAL_TRY)
    throw new KeystoreWrong(
      `The token “${tokenLabel}” allows one more PIN before it locks: nothing was tried. Log in with its own tool first.`,
    )
  try {
    token.C_Login(handle, is.CKU_USER, pin)
  } catch (error) {
    const said = sentence(error)
    if (said.includes('CKR_USER_ALREADY_LOGGED_IN')) return
    if (!said.includes('CKR_PIN_')) throw error
    throw new KeystoreWrong(`The token “${tokenLabel}” refused the PIN (${said}). It was tried once.`)
  }
}

/** An error's first line: pkcs11js appends stacks. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 1).join()
}
