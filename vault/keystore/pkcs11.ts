/**
 * The hardware keystore: keys made in a PKCS#11 token, which seals, opens and signs with them and never gives them
 * out. Several nodes share one set of keys, in one networked token or in clones made with the maker's own tools.
 */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { inTurns } from './anchors.ts'
import { missingEpoch, refuseOtherVault } from './identity.ts'
import { type Anchor, type Keystore, KeystoreUnavailable, KeystoreWrong } from './keystore.ts'
import { nonces } from './nonces.ts'
import {
  canaryBound,
  type KnownAnchors,
  MissingKey,
  olderAnchor,
  type TokenInfo,
  type TokenPlace,
} from './token-call.ts'
import { startLink } from './token-link.ts'
import { type TokenPool, tokenPool } from './token-pool.ts'

export interface Pkcs11Spec extends TokenPlace {
  kind: 'pkcs11'
  /** The most processes that talk to the token at once; 2 if not given. */
  processes?: number
  /** How long the token may take for one thing, ms; 10 seconds if not given. */
  timeoutMs?: number
}

/** Tokens that are programs on this machine, by what they say of themselves. */
const softwareTokens = [/^SoftHSM/, /^Mozilla Foundation .*NSS/, /^Kryoptic/, /^IBM Soft/]

/** Makes the keys in the token. KeystoreWrong if there are any of this label. */
export async function createPkcs11(spec: Pkcs11Spec): Promise<void> {
  const link = startLink(timeout(spec))
  try {
    await link.ask('login', placeOf(spec))
    await link.ask('create')
  } finally {
    await link.end()
  }
}

/** `expected`: the fingerprint the identity must have. */
export async function openPkcs11(spec: Pkcs11Spec, nodeName: string, expected?: Uint8Array): Promise<Keystore> {
  let info: TokenInfo | undefined
  let identity: Buffer | undefined
  const pool = tokenPool(
    async () => {
      const link = startLink(timeout(spec))
      try {
        info = await link.ask('login', placeOf(spec))
        const spki = await link.ask('identity')
        if (identity && !identity.equals(spki))
          throw new KeystoreWrong('The token holds the keys of another vault now.')
        return link
      } catch (error) {
        await link.end()
        throw error
      }
    },
    { processes: spec.processes ?? 2, retryMs: { first: 250, most: 5000 }, now: () => performance.now() },
  )
  try {
    identity = await pool.ask('identity')
    refuseOtherVault(identity, expected)
    if (!info) throw new Error('an identity without a token')
    await proveSigning(pool, identity)
    const keystore = await keystoreOf(pool, identity, info, nodeName)
    pool.begin()
    return keystore
  } catch (error) {
    await pool.close()
    throw error
  }
}

async function keystoreOf(pool: TokenPool, identity: Buffer, info: TokenInfo, nodeName: string): Promise<Keystore> {
  const nonce = nonces()
  const canaries = new Map<number, Promise<Uint8Array>>()

  /** Sealed and opened before anything else is done under the epoch's key. */
  function canaryOf(epoch: number): Promise<Uint8Array> {
    const known = canaries.get(epoch)
    if (known) return known
    const made = makeCanary(epoch)
    canaries.set(epoch, made)
    made.catch(() => canaries.delete(epoch))
    return made
  }

  async function makeCanary(epoch: number): Promise<Uint8Array> {
    const canary = await pool.ask('seal', epoch, nonce(), canaryBound, canaryBound)
    const opened = await pool.ask('open', epoch, canary, canaryBound, canary)
    if (!opened.equals(canaryBound)) throw new KeystoreUnavailable('The token does not open what it sealed.')
    return canary
  }

  async function withCanary<T>(epoch: number, work: (canary: Uint8Array) => Promise<T>): Promise<T> {
    try {
      return await work(await canaryOf(epoch))
    } catch (error) {
      throw error instanceof MissingKey ? missingEpoch(epoch, error.epochs) : error
    }
  }

  const epochs = () => pool.ask('epochs')
  const there = await epochs()
  if (there.length === 0) throw new KeystoreWrong('The token holds the identity but no seal key.')
  for (const epoch of there) await withCanary(epoch, async () => undefined)
  const anchor = await tokenAnchor(pool, nodeName)

  return {
    ...describe(info),
    identity,
    sign: (bytes) => pool.ask('sign', createHash('sha256').update(bytes).digest()),
    epochs,
    seal: (epoch, plain, bound) => withCanary(epoch, () => pool.ask('seal', epoch, nonce(), plain, bound)),
    open: (epoch, sealed, bound) => withCanary(epoch, (canary) => pool.ask('open', epoch, sealed, bound, canary)),
    addEpoch: () => pool.askOnce('addEpoch'),
    async destroyEpoch(epoch) {
      await pool.ask('destroyEpoch', epoch)
      canaries.delete(epoch)
    },
    readAnchor: anchor.read,
    writeAnchor: anchor.write,
    async ready() {
      const now = (await epochs()).at(-1)
      if (now === undefined) throw new KeystoreUnavailable('The token holds no seal key.')
      await withCanary(now, (canary) => pool.ask('open', now, canary, canaryBound, canary))
      await anchor.read()
    },
    close: () => pool.close(),
  }
}

async function tokenAnchor(pool: TokenPool, nodeName: string) {
  const { sequence } = await pool.ask('readAnchor', nodeName)
  let known: KnownAnchors = { own: sequence, seen: sequence }
  const inTurn = inTurns()
  return {
    read: () =>
      inTurn(async (): Promise<Anchor | undefined> => {
        const { sequence, place, hash } = await pool.ask('readAnchor', nodeName)
        if (sequence < known.seen) throw olderAnchor(nodeName)
        known = { ...known, seen: sequence }
        return sequence === 0 ? undefined : { place, hash }
      }),
    write: ({ place, hash }: Anchor) =>
      inTurn(async () => {
        const written = await pool.ask('writeAnchor', nodeName, { place, hash: Buffer.from(hash) }, known)
        if (written !== undefined) known = { own: written, seen: written }
      }),
  }
}

/** KeystoreWrong unless the token signs as the identity it shows. */
async function proveSigning(pool: TokenPool, identity: Buffer): Promise<void> {
  const said = Buffer.from('coffer-identity-check-1')
  const signature = await pool.ask('sign', createHash('sha256').update(said).digest())
  const key = createPublicKey({ key: identity, format: 'der', type: 'spki' })
  if (!verify('sha256', said, { key, dsaEncoding: 'ieee-p1363' }, signature))
    throw new KeystoreWrong("The token's private and public identity are not halves of one key.")
}

/** What people are told: a token that is a program is no hardware vault. */
function describe({ manufacturer, model }: TokenInfo): Pick<Keystore, 'kind' | 'model'> {
  const name = `${manufacturer} ${model}`
  return softwareTokens.some((pattern) => pattern.test(name))
    ? { kind: 'software', model: `${model}, a program that acts as a token` }
    : { kind: 'hardware', model: name }
}

function placeOf({ module, tokenLabel, pin, keyLabel }: Pkcs11Spec): TokenPlace {
  return { module, tokenLabel, pin, keyLabel }
}

function timeout({ timeoutMs = 10_000 }: Pkcs11Spec): number {
  return timeoutMs
}
