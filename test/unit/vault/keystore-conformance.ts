/**
 * What every keystore promises, whatever it is made of: one suite, run on each kind.
 */
import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fingerprint } from '../../../vault/keystore/identity.ts'
import { type Keystore, KeystoreUnavailable, KeystoreWrong, SealRefused } from '../../../vault/keystore/keystore.ts'
import { createKeystore, type KeystoreSpec, openKeystore } from '../../../vault/keystore/open-keystore.ts'

/** `make` gives a place for a new keystore, and another one. */
export function keystoreConformance(kind: string, make: () => Promise<{ spec: KeystoreSpec; other: KeystoreSpec }>) {
  describe(`a ${kind} keystore keeps what every keystore promises`, () => {
    let spec: KeystoreSpec
    let other: KeystoreSpec
    let keys: Keystore
    let opened: Keystore[]
    const open = async (name: string, where = spec, expected?: Uint8Array) => {
      const one = await openKeystore(where, name, expected)
      opened.push(one)
      return one
    }
    beforeEach(async () => {
      ;({ spec, other } = await make())
      keys = await createKeystore(spec, 'a')
      opened = [keys]
    })
    afterEach(async () => {
      await Promise.all(opened.map((one) => one.close()))
    })

    const plain = randomBytes(700)
    const bound = Buffer.from('record 1, epoch 1')
    const at = (place: number) => ({ place, hash: randomBytes(32) })

    it.each([0, 1, 15, 16, 17, 700, 16_384])('opens what it sealed: %i bytes', async (length) => {
      const bytes = randomBytes(length)
      const sealed = await keys.seal(1, bytes, bound)
      expect(Buffer.from(sealed).includes(bytes.subarray(0, 16))).toBe(length === 0)
      expect(Buffer.from(await keys.open(1, sealed, bound))).toEqual(bytes)
    })

    it('seals the same bytes differently each time', async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => keys.seal(1, plain, bound)))
      expect(new Set(all.map((sealed) => Buffer.from(sealed).toString('hex'))).size).toBe(20)
    })

    it('refuses sealed bytes of which any one was changed', async () => {
      const sealed = Buffer.from(await keys.seal(1, Buffer.from('short'), bound))
      for (let index = 0; index < sealed.length; index++) {
        const changed = Buffer.from(sealed)
        changed.writeUInt8(changed.readUInt8(index) ^ (1 << (index % 8)), index)
        await expect(keys.open(1, changed, bound), `byte ${index}`).rejects.toThrow(SealRefused)
      }
      expect(Buffer.from(await keys.open(1, sealed, bound)).toString()).toBe('short')
    })

    it('refuses sealed bytes that are cut short or longer', async () => {
      const sealed = Buffer.from(await keys.seal(1, Buffer.from('short'), bound))
      for (let length = 0; length < sealed.length; length++)
        await expect(keys.open(1, sealed.subarray(0, length), bound), `${length}`).rejects.toThrow(SealRefused)
      await expect(keys.open(1, Buffer.concat([sealed, Buffer.alloc(1)]), bound)).rejects.toThrow(SealRefused)
    })

    it('refuses bytes sealed for another purpose, under another epoch, or by another vault', async () => {
      const sealed = await keys.seal(1, plain, bound)
      expect(await keys.addEpoch()).toBe(2)
      await expect(keys.open(1, sealed, Buffer.from('record 2, epoch 1'))).rejects.toThrow(SealRefused)
      await expect(keys.open(1, sealed, Buffer.alloc(0))).rejects.toThrow(SealRefused)
      await expect(keys.open(2, sealed, bound)).rejects.toThrow(SealRefused)
      const stranger = await createKeystore(other, 'a')
      opened.push(stranger)
      await expect(stranger.open(1, sealed, bound)).rejects.toThrow(SealRefused)
      expect(Buffer.from(await keys.open(1, sealed, bound))).toEqual(plain)
    })

    it('keeps 200 seals at once apart', async () => {
      const texts = Array.from({ length: 200 }, (_, n) => Buffer.from(`text ${n}`))
      const sealed = await Promise.all(texts.map((text, n) => keys.seal(1, text, Buffer.from(`${n}`))))
      const opened = await Promise.all(sealed.map((bytes, n) => keys.open(1, bytes, Buffer.from(`${n}`))))
      expect(opened.map((bytes) => Buffer.from(bytes).toString())).toEqual(texts.map(String))
    })

    it('signs as its identity, which anybody can verify: P-256, SHA-256, r || s', async () => {
      expect(keys.identity).toHaveLength(91)
      const key = createPublicKey({ key: Buffer.from(keys.identity), format: 'der', type: 'spki' })
      expect(key.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
      for (const length of [0, 1, 32, 5000]) {
        const bytes = randomBytes(length)
        const signature = await keys.sign(bytes)
        expect(signature).toHaveLength(64)
        const fits = (said: Buffer) => verify('sha256', said, { key, dsaEncoding: 'ieee-p1363' }, signature)
        expect(fits(bytes)).toBe(true)
        expect(fits(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe(false)
      }
    })

    it('is the same vault for every node, with an anchor for each', async () => {
      const sealed = await keys.seal(1, plain, bound)
      const b = await open('b', spec, fingerprint(keys.identity))
      expect(b.identity).toEqual(keys.identity)
      expect(Buffer.from(await b.open(1, sealed, bound))).toEqual(plain)
      const [one, two] = [at(1), at(2)]
      await keys.writeAnchor(one)
      expect(await b.readAnchor()).toBeUndefined()
      await b.writeAnchor(two)
      expect(await keys.readAnchor()).toEqual(one)
      expect(await b.readAnchor()).toEqual(two)
      expect([keys.kind, keys.model]).toEqual([b.kind, b.model])
    })

    it('refuses the keys of another vault than the one expected', async () => {
      const stranger = await createKeystore(other, 'a')
      opened.push(stranger)
      await expect(open('a', spec, fingerprint(stranger.identity))).rejects.toThrow(KeystoreWrong)
      await expect(open('a', spec, fingerprint(stranger.identity))).rejects.toThrow(/another vault/)
    })

    it('is made once and never made anew', async () => {
      const sealed = await keys.seal(1, plain, bound)
      await expect(createKeystore(spec, 'a')).rejects.toThrow(KeystoreWrong)
      const again = await open('a')
      expect(again.identity).toEqual(keys.identity)
      expect(Buffer.from(await again.open(1, sealed, bound))).toEqual(plain)
    })

    it('is not opened where none was made', async () => {
      await expect(open('a', other)).rejects.toThrow(KeystoreWrong)
    })

    it.each(['', '..', 'a/b', '.hidden', 'a b', 'ä', 'n'.repeat(64)])('refuses “%s” as a name', async (name) => {
      await expect(open(name)).rejects.toThrow(KeystoreWrong)
    })

    it('adds epochs that every open node finds, and sees what other nodes add', async () => {
      const b = await open('b')
      expect(await keys.epochs()).toEqual([1])
      expect(await keys.addEpoch()).toBe(2)
      expect(await b.epochs()).toEqual([1, 2])
      expect(await b.addEpoch()).toBe(3)
      const sealed = await keys.seal(3, plain, bound)
      expect(Buffer.from(await b.open(3, sealed, bound))).toEqual(plain)
      expect(await (await open('c')).epochs()).toEqual([1, 2, 3])
    })

    it('destroys an epoch for ever: what it sealed opens nowhere, the rest does', async () => {
      const b = await open('b')
      const old = await keys.seal(1, plain, bound)
      expect(Buffer.from(await b.open(1, old, bound))).toEqual(plain)
      await keys.addEpoch()
      const living = await keys.seal(2, plain, bound)
      await keys.destroyEpoch(1)
      await keys.destroyEpoch(1)
      expect(await keys.epochs()).toEqual([2])
      await expect(keys.open(1, old, bound)).rejects.toThrow(SealRefused)
      expect(await b.epochs()).toEqual([2])
      await expect(b.open(1, old, bound)).rejects.toThrow(SealRefused)
      const later = await open('c')
      await expect(later.open(1, old, bound)).rejects.toThrow(SealRefused)
      for (const one of [keys, b, later]) expect(Buffer.from(await one.open(2, living, bound))).toEqual(plain)
    })

    it('waits for a key that has not come here yet, rather than call the bytes false', async () => {
      await expect(keys.open(9, await keys.seal(1, plain, bound), bound)).rejects.toThrow(KeystoreUnavailable)
      await expect(keys.seal(9, plain, bound)).rejects.toThrow(KeystoreUnavailable)
    })

    it('remembers the last anchor, through any number of writes and openings', async () => {
      expect(await keys.readAnchor()).toBeUndefined()
      for (let place = 1; place <= 7; place++) {
        const anchor = at(place)
        await keys.writeAnchor(anchor)
        expect(await keys.readAnchor()).toEqual(anchor)
        await keys.close()
        keys = await open('a')
        expect(await keys.readAnchor()).toEqual(anchor)
      }
    })

    it('keeps the last of many anchors written at once, also beyond 32 bits', async () => {
      const anchors = Array.from({ length: 20 }, (_, n) => at(2 ** 45 + n))
      await Promise.all(anchors.map((anchor) => keys.writeAnchor(anchor)))
      expect(await keys.readAnchor()).toEqual(anchors.at(-1))
      expect(await (await open('b')).readAnchor()).toBeUndefined()
    })

    it('has one anchor for all processes of a node: it never goes back, whoever writes', async () => {
      const twin = await open('a')
      const anchors = Array.from({ length: 11 }, (_, place) => at(place))
      const write = (by: Keystore, place: number) => by.writeAnchor(anchors[place] ?? at(place))
      for (const [one, other] of [
        [keys, twin],
        [twin, keys],
        [keys, twin],
      ] as const) {
        const place = ((await one.readAnchor())?.place ?? 0) + 3
        await write(one, place - 2)
        await write(one, place)
        // The other was slower: what it has to say is said already.
        await write(other, place - 1)
        for (const reader of [keys, twin, await open('a')]) expect(await reader.readAnchor()).toEqual(anchors[place])
        await keys.ready()
        await twin.ready()
      }
      await write(twin, 10)
      await keys.ready()
      await write(keys, 9)
      await expect(keys.writeAnchor({ place: 10, hash: Buffer.alloc(32) })).rejects.toThrow(/another vault/)
      expect(await keys.readAnchor()).toEqual(anchors[10])
    })

    it('lets the only process of a node put its anchor back, as after a recovery', async () => {
      await keys.writeAnchor(at(9))
      const back = at(4)
      await keys.writeAnchor(back)
      expect(await (await open('a')).readAnchor()).toEqual(back)
    })

    it('is ready, and after closing refuses everything', async () => {
      await expect(keys.ready()).resolves.toBeUndefined()
      const sealed = await keys.seal(1, plain, bound)
      await keys.close()
      await keys.close()
      for (const attempt of [
        () => keys.ready(),
        () => keys.epochs(),
        () => keys.sign(plain),
        () => keys.seal(1, plain, bound),
        () => keys.open(1, sealed, bound),
        () => keys.writeAnchor(at(1)),
        () => keys.readAnchor(),
      ])
        await expect(attempt()).rejects.toThrow(KeystoreUnavailable)
    })
  })
}
