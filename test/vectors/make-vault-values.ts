/**
 * `vault/values.json`: what is signed, hashed and derived between a client and a vault (docs/VAULT.md, sections 3, 6 and
 * 9), each with what it was made from. `node test/vectors/make-vault-values.ts` prints it; nothing in it is random.
 */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import sodium from 'sodium-native'
import { type Receipt, RecordId, type Statement } from '../../contract/vault.ts'
import * as preimages from '../../contract/vault-preimages.ts'
import { beginning, follow, headPreimage } from '../../vault/log/chain.ts'
import { hash } from '../../vault/service/hash.ts'
import { rowDigest } from '../../vault/service/record.ts'

/** Bytes that are all different from each other, from one name to the next. */
function bytes(name: string, length: number): Buffer {
  return createHash('shake256', { outputLength: length }).update(`coffer test vector ${name}`).digest()
}
const text = (name: string, length: number): string => bytes(name, length).toString('base64url')
const hex = (it: Uint8Array): string => Buffer.from(it).toString('hex')

const seed = bytes('owner seed', 32)
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
  format: 'der',
  type: 'pkcs8',
})
const ownerKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32)
const rid = hash(preimages.recordId(ownerKey))
const id = RecordId.parse(rid.toString('base64url'))
const stretching = { memory: 262_144, passes: 3, parallelism: 1 } as const
const time = 1_795_472_520_123

export function vaultValues(): Record<string, unknown> {
  return {
    note: 'See docs/VAULT.md. Bytes are base64url in "of", as messages have them, and hexadecimal elsewhere.',
    fields: [[], [''], ['a', 'bc'], ['ab', 'c'], ['é\n', 0], [1, 2 ** 32, Number.MAX_SAFE_INTEGER]].map((of) => ({
      of,
      bytes: hex(preimages.fields(...of)),
    })),
    record: { ownerSeed: hex(seed), ownerKey: hex(ownerKey), rid: hex(rid) },
    ownerRequests: ownerRequests(),
    newest: newest(),
    registration: registration(),
    receipts: receipts(),
    statements: statements(),
    logHead: {
      of: { place: 77, hash: text('head', 32) },
      bytes: hex(preimages.logHead({ place: 77, hash: text('head', 32) })),
    },
    digests: digests(),
    keys: keys(),
    log: log(),
  }
}

function ownerRequests(): unknown[] {
  const bodies = ['', '{"record":"…"}']
  return bodies.map((body, at) => {
    const of = {
      method: at === 0 ? 'GET' : 'PUT',
      path: `/v1/records/${id}`,
      fingerprint: bytes('fingerprint', 32),
      rid,
      generation: at,
      requestId: bytes(`request ${at}`, 16),
      time,
      bodyDigest: createHash('sha512').update(body).digest(),
    }
    const preimage = preimages.ownerRequest(of)
    return {
      of: {
        ...of,
        fingerprint: text('fingerprint', 32),
        rid: id,
        requestId: text(`request ${at}`, 16),
        bodyDigest: undefined,
        body,
      },
      bytes: hex(preimage),
      signature: hex(sign(null, preimage, privateKey)),
    }
  })
}

function newest(): unknown {
  const of = { number: 12, identity: text('snapshot', 32) }
  return { of, bytes: hex(preimages.newest(rid, of)) }
}

function registration(): unknown {
  const of = {
    request: text('request', 32),
    response: text('response', 64),
    ticket: text('ticket', 400),
    expiresAt: time,
  }
  return { of, bytes: hex(preimages.registration({ rid, ...of })) }
}

function receipts(): unknown[] {
  let before: Buffer = Buffer.alloc(32)
  return (['created', 'tried', 'opened', 'destroyed'] as const).map((kind, at) => {
    const ofGuess = kind === 'tried' || kind === 'opened'
    const of: Omit<Receipt, 'signature'> = {
      rid: id,
      number: at + 1,
      kind,
      generation: 1,
      attempt: ofGuess ? 1 : 0,
      attemptsLeft: kind === 'tried' ? 9 : kind === 'destroyed' ? 0 : 10,
      counter: at + 1,
      at: time + at,
      message: ofGuess ? text('first message', 32) : Buffer.alloc(32).toString('base64url'),
      stretching,
      before: before.toString('base64url'),
    }
    const preimage = preimages.receipt(of)
    before = hash(preimage)
    return { of, bytes: hex(preimage), digest: hex(before) }
  })
}

function statements(): unknown[] {
  const newest = { number: 12, identity: text('snapshot', 32), signature: text('witness', 64) }
  return [null, newest].map((newest) => {
    const of: Omit<Statement, 'signature'> = {
      rid: id,
      state: newest ? 'active' : 'none',
      generation: newest ? 2 : 0,
      counter: newest ? 9 : 0,
      attemptsLeft: newest ? 10 : 0,
      at: newest ? time : 0,
      newest,
      logHead: text('head', 32),
      logPlace: 77,
      asked: text('asked', 32),
      now: time,
    }
    return { of, bytes: hex(preimages.statement(of)) }
  })
}

function digests(): unknown {
  const [message, requestId] = [bytes('first message', 96), bytes('request', 16)]
  return {
    firstMessage: { of: hex(message), digest: hex(hash(preimages.firstMessage(message))) },
    askedByOwner: { of: hex(requestId), digest: hex(hash(preimages.askedByOwner(requestId))) },
    row: { of: hex(bytes('row', 700)), digest: hex(rowDigest(rid, bytes('row', 700))) },
  }
}

function keys(): unknown {
  const [exportKey, sessionKey, nonce, sealed] = [
    bytes('export', 64),
    bytes('session', 64),
    bytes('nonce', 24),
    bytes('sealed', 48),
  ]
  const root = hash(preimages.wrapRoot(), exportKey)
  const [wrapKey, commitmentKey] = [1, 2].map((number) => {
    const key = Buffer.alloc(32)
    sodium.crypto_kdf_derive_from_key(key, number, Buffer.from('cofferwr'), root)
    return key
  })
  const wrapping = preimages.wrapping({ rid, generation: 2, stretching })
  const commitment = preimages.commitment({ wrapping, nonce, sealed })
  const message = bytes('first message', 32)
  return {
    generation: 2,
    stretching,
    exportKey: hex(exportKey),
    root: hex(root),
    wrapKey: hex(wrapKey ?? root),
    commitmentKey: hex(commitmentKey ?? root),
    wrapping: hex(wrapping),
    nonce: hex(nonce),
    sealed: hex(sealed),
    commitment: hex(hash(commitment, commitmentKey)),
    sessionKey: hex(sessionKey),
    releaseKey: hex(hash(preimages.releaseKey(rid, 2), sessionKey)),
    message: hex(message),
    release: hex(preimages.release({ rid, generation: 2, message })),
  }
}

function log(): unknown {
  let position = beginning
  const entries = [1, 2, 3].map((place) => {
    const entry = { place, rid, counter: place * 2, digest: bytes(`row ${place}`, 32) }
    position = follow(position, entry)
    return { ...entry, rid: hex(rid), digest: hex(entry.digest), hash: hex(position.hash) }
  })
  return { entries, head: { epoch: 2, bytes: hex(headPreimage({ ...position, epoch: 2 })) } }
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(vaultValues(), undefined, 2)}\n`)
