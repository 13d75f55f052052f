/**
 * In the token's process: the vault's keys, made in the token and never outside it. Labels are
 * `<keyLabel>/identity` and `<keyLabel>/seal/<epoch>`; a seal key's CKA_ID is its epoch as four bytes.
 */
import type { Handle, Template } from 'pkcs11js'
import { KeystoreUnavailable, KeystoreWrong } from './keystore.ts'
import { MissingKey } from './token-call.ts'
import { type Session, sentence } from './token-session.ts'

/** The object identifier of P-256, as DER. */
const p256 = Buffer.from('06082a8648ce3d030107', 'hex')
/** What stands before the point in a P-256 key's SPKI. */
const spkiHead = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')
const pointBytes = 65

/** Makes the identity and the key of epoch 1. KeystoreWrong if there are keys of this label. */
export function createKeys(session: Session): void {
  const { token, is, handle, place } = session
  if (findAll(session, [{ type: is.CKA_LABEL, value: identityLabel(session) }]).length > 0)
    throw new KeystoreWrong(`The token “${place.tokenLabel}” holds keys labelled “${place.keyLabel}” already.`)
  // The identity comes last: while there is none, nothing is opened with these keys.
  const { epochs } = listSeals(session)
  if (epochs.length === 0) addSeal(session, 1)
  const named = [
    { type: is.CKA_TOKEN, value: true },
    { type: is.CKA_LABEL, value: identityLabel(session) },
    { type: is.CKA_ID, value: Buffer.from('identity') },
  ]
  unmodifiable(session, (fixed) =>
    token.C_GenerateKeyPair(
      handle,
      { mechanism: is.CKM_EC_KEY_PAIR_GEN },
      [...named, ...fixed, { type: is.CKA_VERIFY, value: true }, { type: is.CKA_EC_PARAMS, value: p256 }],
      [...named, ...fixed, ...secret(session), { type: is.CKA_SIGN, value: true }],
    ),
  )
}

/** The private key's handle and the public key. KeystoreWrong if there is none, or it is not what it must be. */
export function identity(session: Session): { key: Handle; spki: Buffer } {
  if (session.identity) return session.identity
  const { token, is, handle, place } = session
  const find = (type: number) =>
    findAll(session, [
      { type: is.CKA_CLASS, value: type },
      { type: is.CKA_LABEL, value: identityLabel(session) },
    ])
  const keys = find(is.CKO_PRIVATE_KEY)
  const publicKeys = find(is.CKO_PUBLIC_KEY)
  const [[key], [publicKey]] = [keys, publicKeys]
  if (!key || !publicKey)
    throw new KeystoreWrong(
      `The token “${place.tokenLabel}” holds no identity labelled “${identityLabel(session)}”: run coffer-vault init, or clone the keys of the vault's other tokens to it.`,
    )
  if (keys.length > 1 || publicKeys.length > 1)
    throw new KeystoreWrong(`The token holds several identities labelled “${identityLabel(session)}”.`)
  refuseLoose(session, key, 'identity')
  const [curve, point] = token
    .C_GetAttributeValue(handle, publicKey, [{ type: is.CKA_EC_PARAMS }, { type: is.CKA_EC_POINT }])
    .map(({ value }) => value)
  // The standard wraps the point in an OCTET STRING; some tokens give it bare.
  const bare = point?.subarray(-pointBytes)
  if (!curve?.equals(p256) || bare?.length !== pointBytes || bare[0] !== 4)
    throw new KeystoreWrong('The identity in the token is not a P-256 key.')
  return (session.identity = { key, spki: Buffer.concat([spkiHead, bare]) })
}

/** The epochs whose keys are there, rising. */
export function listSeals(session: Session): { epochs: number[]; seals: Map<number, Handle> } {
  const { token, is, handle } = session
  const prefix = `${session.place.keyLabel}/seal/`
  const seals = new Map<number, Handle>()
  for (const key of findAll(session, [
    { type: is.CKA_CLASS, value: is.CKO_SECRET_KEY },
    { type: is.CKA_KEY_TYPE, value: is.CKK_AES },
  ])) {
    const [label, id] = token.C_GetAttributeValue(handle, key, [{ type: is.CKA_LABEL }, { type: is.CKA_ID }])
    const text = label?.value.toString() ?? ''
    if (!text.startsWith(prefix) || !/^[1-9]\d{0,8}$/.test(text.slice(prefix.length))) continue
    const epoch = Number(text.slice(prefix.length))
    if (!id?.value.equals(epochId(epoch)))
      throw new KeystoreWrong(`The key labelled “${text}” in the token is none of the vault's: its CKA_ID differs.`)
    // Either may be the one under which records are sealed: whoever guessed could seal under one that goes again.
    if (seals.has(epoch))
      throw new KeystoreUnavailable(`The token holds two keys labelled “${text}”: the one never used must be deleted.`)
    seals.set(epoch, key)
  }
  return { epochs: [...seals.keys()].sort((a, b) => a - b), seals }
}

/** The key of an epoch, made sure of once for each session. MissingKey if it is not there. */
export function sealKey(session: Session, epoch: number): Handle {
  const known = session.seals.get(epoch)
  if (known) return known
  const { epochs, seals } = listSeals(session)
  const key = seals.get(epoch)
  if (!key) throw new MissingKey(epochs)
  refuseLoose(session, key, `seal key ${epoch}`)
  session.seals.set(epoch, key)
  return key
}

/** Makes the key of the epoch. KeystoreUnavailable, and nothing made, if another node made it at the same time. */
export function addSeal(session: Session, epoch: number): void {
  const { token, is, handle } = session
  const made = unmodifiable(session, (fixed) =>
    token.C_GenerateKey(handle, { mechanism: is.CKM_AES_KEY_GEN }, [
      ...secret(session),
      ...fixed,
      { type: is.CKA_CLASS, value: is.CKO_SECRET_KEY },
      { type: is.CKA_KEY_TYPE, value: is.CKK_AES },
      { type: is.CKA_VALUE_LEN, value: 32 },
      { type: is.CKA_TOKEN, value: true },
      { type: is.CKA_LABEL, value: `${session.place.keyLabel}/seal/${epoch}` },
      { type: is.CKA_ID, value: epochId(epoch) },
      { type: is.CKA_ENCRYPT, value: true },
      { type: is.CKA_DECRYPT, value: true },
      { type: is.CKA_WRAP, value: false },
      { type: is.CKA_UNWRAP, value: false },
    ]),
  )
  try {
    listSeals(session)
  } catch (error) {
    token.C_DestroyObject(handle, made)
    throw error
  }
}

export function destroySeal(session: Session, epoch: number): void {
  const key = listSeals(session).seals.get(epoch)
  if (key) session.token.C_DestroyObject(session.handle, key)
  session.seals.delete(epoch)
}

/** All objects that fit, whatever the token's own limit for one answer. */
export function findAll({ token, handle }: Session, template: Template): Handle[] {
  token.C_FindObjectsInit(handle, template)
  const all: Handle[] = []
  for (;;) {
    const some = token.C_FindObjects(handle, 100)
    if (some.length === 0) break
    all.push(...some)
  }
  token.C_FindObjectsFinal(handle)
  return all
}

/**
 * A key that can be taken out of the token, now or ever, protects nothing. Sensitive and not extractable are enough:
 * the standard lets neither be undone. That a key was never outside cannot be asked for, because a clone was, wrapped.
 */
function refuseLoose({ token, is, handle }: Session, key: Handle, what: string): void {
  const flag = (type: number) => token.C_GetAttributeValue(handle, key, [{ type }])[0]?.value[0]
  const demanded: [string, number, number][] = [
    ['in the token', is.CKA_TOKEN, 1],
    ['private', is.CKA_PRIVATE, 1],
    ['sensitive', is.CKA_SENSITIVE, 1],
    ['not extractable', is.CKA_EXTRACTABLE, 0],
  ]
  for (const [word, type, wanted] of demanded)
    if (flag(type) !== wanted) throw new KeystoreWrong(`The vault's ${what} is not what it must be: ${word}.`)
}

/** Some tokens know nothing of keys that cannot be changed: better a key without it than none. */
function unmodifiable<T>({ is }: Session, make: (fixed: Template) => T): T {
  try {
    return make([{ type: is.CKA_MODIFIABLE, value: false }])
  } catch (error) {
    if (!/CKR_(TEMPLATE|ATTRIBUTE)_/.test(sentence(error))) throw error
    return make([])
  }
}

function secret({ is }: Session): Template {
  return [
    { type: is.CKA_TOKEN, value: true },
    { type: is.CKA_PRIVATE, value: true },
    { type: is.CKA_SENSITIVE, value: true },
    { type: is.CKA_EXTRACTABLE, value: false },
  ]
}

function identityLabel({ place }: Session): string {
  return `${place.keyLabel}/identity`
}

function epochId(epoch: number): Buffer {
  const id = Buffer.alloc(4)
  id.writeUInt32BE(epoch)
  return id
}
