import { chmodSync, chownSync, copyFileSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Keystore, KeystoreUnavailable, KeystoreWrong } from '../../../vault/keystore/keystore.ts'
import { createKeystore, openKeystore } from '../../../vault/keystore/open-keystore.ts'
import type { SoftwareSpec } from '../../../vault/keystore/software.ts'

let folder: string
let spec: SoftwareSpec
let keys: Keystore
const opened: Keystore[] = []
const open = async (where: SoftwareSpec = spec) => {
  const one = await openKeystore(where, 'a')
  opened.push(one)
  return one
}
const refusal = (where?: SoftwareSpec) =>
  open(where).then(
    () => 'none',
    (error: unknown) => error,
  )

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-key-file-'))
  spec = { kind: 'software', file: join(folder, 'keys'), anchorFolder: folder }
  keys = await createKeystore(spec, 'a')
  opened.push(keys)
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('the vault’s key file', () => {
  it('is made for its owner alone, and nothing else is left beside it', () => {
    expect(statSync(spec.file).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).sort()).toEqual(['a.anchor', 'keys'])
    expect(statSync(join(folder, 'a.anchor')).mode & 0o777).toBe(0o600)
  })

  it.each([0o640, 0o604, 0o660, 0o610, 0o606])('is refused with mode %o, saying what to do', async (mode) => {
    chmodSync(spec.file, mode)
    const error = await refusal()
    expect(error).toBeInstanceOf(KeystoreWrong)
    expect(String(error)).toContain(`chmod 600 ${spec.file}`)
    chmodSync(spec.file, 0o600)
    await open()
  })

  it.runIf(process.getuid?.() === 0)('is refused when it belongs to another user', async () => {
    chownSync(spec.file, 65534, 65534)
    expect(String(await refusal())).toContain('belongs to another user')
  })

  it('is refused with any byte changed, cut anywhere, or longer', async () => {
    const whole = readFileSync(spec.file)
    const damaged = { ...spec, file: join(folder, 'damaged') }
    const refuses = async (bytes: Buffer, what: string) => {
      writeFileSync(damaged.file, bytes, { mode: 0o600 })
      expect(await refusal(damaged), what).toBeInstanceOf(KeystoreWrong)
    }
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole)
      changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 8)), at)
      await refuses(changed, `byte ${at}`)
      await refuses(whole.subarray(0, at), `${at} bytes`)
    }
    await refuses(Buffer.concat([whole, Buffer.alloc(1)]), 'longer')
    await refuses(Buffer.alloc(100_000), 'far too long')
    writeFileSync(damaged.file, whole)
    expect((await open(damaged)).identity).toEqual(keys.identity)
  })

  it('is never written over, also where there is only a link', async () => {
    const [before, target] = [readFileSync(spec.file), join(folder, 'nowhere')]
    await expect(createKeystore(spec, 'a')).rejects.toThrow(/already/)
    expect(readFileSync(spec.file)).toEqual(before)
    const dangling = { ...spec, file: join(folder, 'dangling') }
    symlinkSync(target, dangling.file)
    await expect(createKeystore(dangling, 'a')).rejects.toThrow(KeystoreWrong)
    expect(readdirSync(folder)).not.toContain('nowhere')
  })

  it('is missed in words', async () => {
    expect(String(await refusal({ ...spec, file: join(folder, 'none') }))).toContain('There is no key file')
    await expect(createKeystore({ ...spec, file: join(folder, 'no', 'keys') }, 'a')).rejects.toThrow(/no folder/)
  })

  it('is overwritten where it lay when a key is destroyed, not only given up', async () => {
    await keys.addEpoch()
    const watched = join(folder, 'watched')
    linkSync(spec.file, watched)
    const old = readFileSync(watched)
    await keys.destroyEpoch(1)
    expect(readFileSync(watched)).toEqual(Buffer.alloc(old.length))
    expect(readdirSync(folder).sort()).toEqual(['a.anchor', 'keys', 'watched'])
    expect(await (await open()).epochs()).toEqual([2])
  })

  it('is replaced where a link leads to it', async () => {
    const link = { ...spec, file: join(folder, 'link') }
    symlinkSync(spec.file, link.file)
    const linked = await open(link)
    expect(await linked.addEpoch()).toBe(2)
    expect(await keys.epochs()).toEqual([1, 2])
    expect(statSync(spec.file).mode & 0o777).toBe(0o600)
  })

  it('changes for one after the other within a process, and loses no key', async () => {
    const b = await open()
    const added = await Promise.all([keys.addEpoch(), b.addEpoch(), keys.addEpoch(), b.addEpoch()])
    expect(added.sort()).toEqual([2, 3, 4, 5])
    expect(await keys.epochs()).toEqual([1, 2, 3, 4, 5])
  })

  it('is left alone while another process changes it, and taken over from one that was killed', async () => {
    const lock = `${spec.file}.changing`
    symlinkSync(String(process.ppid), lock)
    await expect(keys.addEpoch()).rejects.toThrow(KeystoreUnavailable)
    await expect(keys.addEpoch()).rejects.toThrow(lock)
    expect(await keys.epochs()).toEqual([1])
    // Numbers of processes that cannot be there, and this process's own, as a container's next one has it.
    for (const [index, owner] of ['4194399', 'nobody', String(process.pid)].entries()) {
      rmSync(lock, { force: true })
      symlinkSync(owner, lock)
      expect(await keys.addEpoch(), owner).toBe(2 + index)
    }
  })

  it('that was exchanged for another vault’s stops the node until it is back', async () => {
    const stranger = { ...spec, file: join(folder, 'stranger'), anchorFolder: mkdtempSync(join(folder, 'other-')) }
    opened.push(await createKeystore(stranger, 'a'))
    copyFileSync(spec.file, join(folder, 'backup'))
    copyFileSync(stranger.file, spec.file)
    await expect(keys.ready()).rejects.toThrow(KeystoreUnavailable)
    copyFileSync(join(folder, 'backup'), spec.file)
    await expect(keys.ready()).resolves.toBeUndefined()
  })

  it('that is gone makes the node not ready', async () => {
    rmSync(spec.file)
    await expect(keys.ready()).rejects.toThrow(/no key file/)
  })
})
