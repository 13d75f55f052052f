/** Why a keychain cannot be used, in words: keytar passes on whatever the system says, which helps nobody. */
import { CofferError } from '../../../contract/errors.ts'

const reasons = {
  no_session_bus: 'There is no D-Bus session here, and without one no keychain can be reached.',
  no_service: 'No keychain service (GNOME Keyring, KWallet or another Secret Service) is running.',
  no_keyring: 'There is no keyring yet, and none could be made without asking on a screen.',
  locked: 'The keychain is locked.',
  refused: 'The keychain’s question was declined.',
  addon_missing:
    'The part of Coffer that talks to the keychain (keytar) is not installed, or lacks a system library (on Linux: libsecret).',
  timed_out: 'The keychain did not answer in time.',
  not_started: 'The program that talks to the keychain could not be started.',
  crashed: 'The program that talks to the keychain ended without an answer.',
  not_a_key: 'What the keychain holds for this archive is not a 64-digit key.',
  not_kept: 'The keychain did not keep the key: reading it back gave something else.',
  failed: 'The keychain answered with an error.',
} as const

/** For programs: the `fault` of keychain_unavailable. */
export type Trouble = keyof typeof reasons

/** What libsecret, GLib and the systems' own keychains were seen to say, and what it means. */
const sayings: readonly (readonly [RegExp, Trouble])[] = [
  [/without X11|dbus-launch|Could not connect|connection is closed|autolaunch/i, 'no_session_bus'],
  [/not provided by any \.service|ServiceUnknown|NameHasNoOwner|Failed to activate/i, 'no_service'],
  [/locked/i, 'locked'],
  [/Object does not exist|No such (?:object|interface|secret collection)/i, 'no_keyring'],
  [/cancell?ed|dismissed|denied/i, 'refused'],
  [/timeout|timed out|did not receive a reply/i, 'timed_out'],
]

/** What an error of a call means, and, where that is not known, what was said (never a key). */
export function troubleOf(error: unknown): { trouble: Trouble; said?: string } {
  if (error instanceof CofferError && isTrouble(error.detail['fault'])) return { trouble: error.detail['fault'] }
  if (error instanceof CofferError && error.code === 'key_malformed') return { trouble: 'not_a_key' }
  if (error instanceof Error && 'code' in error && /MODULE_NOT_FOUND|DLOPEN_FAILED/.test(String(error.code)))
    return { trouble: 'addon_missing' }
  const said = error instanceof Error ? error.message : String(error)
  const known = sayings.find(([pattern]) => pattern.test(said))
  // No service was seen to repeat a key in its error; should one do so, it stops here.
  return known ? { trouble: known[1] } : { trouble: 'failed', said: said.replace(/[0-9a-f]{16,}/gi, '…').slice(0, 200) }
}

/** Parses a trouble that came by pipe. */
export function isTrouble(value: unknown): value is Trouble {
  return typeof value === 'string' && Object.hasOwn(reasons, value)
}

export function unavailable(fault: Trouble, said?: string): CofferError {
  return new CofferError('keychain_unavailable', {
    fault,
    reason: reasons[fault],
    ...(said === undefined ? {} : { said }),
  })
}
