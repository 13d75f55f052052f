/**
 * A password as the bytes a person typed become the text that OPAQUE takes: the profile OpaqueString of RFC 8265, so
 * that the same password typed on another system, or by way of another keyboard, is the same password. Spaces of other
 * scripts become the ordinary one, composed and decomposed letters become composed (NFC); nothing is trimmed, no case
 * is changed, and nothing else is mapped.
 */

/** Longest password, in bytes of UTF-8, before and after. */
export const maxPassword = 1024

/** Why it cannot be a password, in a sentence. */
export class Unusable extends Error {}

/** Throws Unusable. */
export function passwordText(bytes: Uint8Array): string {
  if (bytes.length === 0) throw new Unusable('It is empty.')
  if (bytes.length > maxPassword) throw new Unusable('It is longer than 1,024 bytes.')
  let typed: string
  try {
    typed = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new Unusable('It is not text in UTF-8.')
  }
  // No keyboard types them and nobody sees them: the same password would be wrong somewhere else.
  if (/[\p{Cc}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u{feff}]/u.test(typed))
    throw new Unusable('It has invisible control characters in it.')
  const text = typed.replace(/\p{Zs}/gu, ' ').normalize('NFC')
  if (Buffer.byteLength(text) > maxPassword) throw new Unusable('It is longer than 1,024 bytes.')
  return text
}
