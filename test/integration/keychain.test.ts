import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { holdSecret, type Secret, withSecret } from '../../main/core/keys/secret.ts'
import { openKeychain } from '../../main/core/keys/keychain.ts'
import { type Keyring, type Session, startSession } from './session-keyring.ts'

const archive = 'a1'.repeat(16)
const other = 'b2'.repeat(16)
const keyOf = (first: number) => holdSecret(Buffer.from(Array.from({ length: 32 }, (_, i) => first + 5 * i)))
const hexOf = (key: Secret | undefined) => key && withSecret(key, (bytes) => bytes.toString('hex'))

let home: string
const sessions: Session[] = []
const servers: Server[] = []

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'kc-'))
})

afterEach(async () => {
  for (const session of sessions.splice(0)) await session.end()
  for (const server of servers.splice(0)) server.close()
  rmSync(home, { recursive: true, force: true })
})

async function keychainIn(keyring: Keyring) {
  const session = await startSession(home, keyring)
  sessions.push(session)
  return openKeychain({ env: session.env })
}

/** A bus that takes every connection and never says a word, and the connections made to it. */
async function silentBus(): Promise<{ env: NodeJS.ProcessEnv; connection: Promise<Socket> }> {
  const path = join(home, 'silent')
  const server = createServer().listen(path)
  servers.push(server)
  await once(server, 'listening')
  const connection = once(server, 'connection').then(([socket]: Socket[]) => {
    if (!socket) throw new Error('no connection')
    return socket.resume().on('error', () => undefined)
  })
  return { env: { ...process.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` }, connection }
}

describe.runIf(process.platform === 'linux')('the keychain, with GNOME Keyring', () => {
  it('keeps a key, gives it back, replaces it and forgets it', async () => {
    const keychain = await keychainIn('unlocked')
    expect(await keychain.has(archive)).toBe(false)
    expect(await keychain.get(archive)).toBeUndefined()
    expect(await keychain.delete(archive)).toBe(false)
    await keychain.set(archive, keyOf(1))
    expect(await keychain.has(archive)).toBe(true)
    expect(hexOf(await keychain.get(archive))).toBe(hexOf(keyOf(1)))
    await keychain.set(archive, keyOf(2))
    expect(hexOf(await keychain.get(archive))).toBe(hexOf(keyOf(2)))
    expect(await keychain.delete(archive)).toBe(true)
    expect(await keychain.get(archive)).toBeUndefined()
  })

  it('keeps the keys of several archives apart', async () => {
    const keychain = await keychainIn('unlocked')
    await Promise.all([keychain.set(archive, keyOf(1)), keychain.set(other, keyOf(9))])
    expect(await keychain.delete(archive)).toBe(true)
    expect(hexOf(await keychain.get(other))).toBe(hexOf(keyOf(9)))
  })

  it('still has the key in the next session', async () => {
    await (await keychainIn('unlocked')).set(archive, keyOf(3))
    await sessions.pop()?.end()
    expect(hexOf(await (await keychainIn('unlocked')).get(archive))).toBe(hexOf(keyOf(3)))
  })

  it('says that it is locked when it is, and gives nothing away', async () => {
    await (await keychainIn('unlocked')).set(archive, keyOf(3))
    await sessions.pop()?.end()
    const locked = await keychainIn('locked')
    expect(await locked.get(archive)).toBeUndefined()
    expect(await locked.has(archive)).toBe(false)
    await expect(locked.set(other, keyOf(4))).rejects.toMatchObject({
      code: 'keychain_unavailable',
      detail: { fault: 'locked', reason: 'The keychain is locked.' },
    })
  })

  it('says so when there is no keyring yet and nobody to ask for its password', async () => {
    const keychain = await keychainIn('locked')
    await expect(keychain.set(archive, keyOf(1))).rejects.toMatchObject({ detail: { fault: 'no_keyring' } })
  })
})

describe.runIf(process.platform === 'linux')('without a keychain', () => {
  it('every call says that no keychain service is running', async () => {
    const keychain = await keychainIn('none')
    const fault = { code: 'keychain_unavailable', detail: { fault: 'no_service' } }
    await expect(keychain.get(archive)).rejects.toMatchObject(fault)
    await expect(keychain.has(archive)).rejects.toMatchObject(fault)
    await expect(keychain.set(archive, keyOf(1))).rejects.toMatchObject(fault)
    await expect(keychain.delete(archive)).rejects.toMatchObject(fault)
  })

  it.each([
    ['there is no session', {}],
    ['the session’s bus is gone', { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent/bus' }],
  ])('it says that there is no D-Bus when %s', async (_, env) => {
    const keychain = openKeychain({ env: { PATH: process.env['PATH'], HOME: home, ...env } })
    await expect(keychain.set(archive, keyOf(1))).rejects.toMatchObject({ detail: { fault: 'no_session_bus' } })
  })
})

describe.runIf(process.platform === 'linux')('a keychain that never answers', () => {
  it('does not keep the program from ending', async () => {
    const { env } = await silentBus()
    const [status] = await once(spawnAsker(env, 500), 'exit')
    expect(status).toBe(0)
  })

  it('does not leave a process behind when the program itself is killed', async () => {
    const { env, connection } = await silentBus()
    const asker = spawnAsker(env, 3_600_000)
    const socket = await connection
    asker.kill('SIGKILL')
    await once(socket, 'close')
  })

  it('is given up after the time allowed, its process killed; the key stood in no process’s arguments or environment', async () => {
    const { env, connection } = await silentBus()
    const asked = openKeychain({ env, timeoutMs: 4000 }).set(archive, keyOf(5))
    asked.catch(() => undefined)
    const socket = await connection
    const closed = once(socket, 'close')
    const seen = ownChildren()
      .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1') + readFileSync(`/proc/${pid}/environ`, 'latin1'))
      .join()
    expect(seen).toContain('keychain-process')
    const key = Buffer.from(hexOf(keyOf(5)) ?? '', 'hex')
    for (const form of ['hex', 'base64', 'latin1'] as const) expect(seen).not.toContain(key.toString(form).slice(0, 12))
    await expect(asked).rejects.toMatchObject({ code: 'keychain_unavailable', detail: { fault: 'timed_out' } })
    await closed
  })
})

/** A program that asks the keychain and then has nothing more to do. */
function spawnAsker(env: NodeJS.ProcessEnv, timeoutMs: number) {
  const keychain = new URL('../../main/core/keys/keychain.ts', import.meta.url).href
  const source = `import { openKeychain } from '${keychain}'
    await openKeychain({ timeoutMs: ${timeoutMs} }).get('${archive}').catch(() => undefined)`
  return spawn(process.execPath, ['--input-type=module', '-e', source], { env, stdio: 'ignore' })
}

function ownChildren(): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop()?.split(' ')[1] === String(process.pid)
    } catch {
      return false // it has ended meanwhile
    }
  })
}
