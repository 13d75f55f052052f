import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newPerson, type Person } from './command-line.ts'
import { hasScript, typeAt } from './lent-terminal.ts'
import { startVaultProcess, type VaultProcess } from './vault-process.ts'

const password = 'plum-orbit-candle-93'
let vault: VaultProcess
let person: Person
beforeAll(async () => {
  vault = await startVaultProcess()
  person = newPerson()
})
afterAll(async () => {
  person.leave()
  await vault.remove()
})

const fresh = /New password: /
const again = /The same again: /
const asked = /Password, for the vault at \S+ \(Enter alone to type the 64-digit key instead\): /

describe.skipIf(!hasScript)('a password at a terminal', () => {
  it('is typed twice when it is new, and once more when the two differ; nothing of it is shown', async () => {
    const { code, screen } = await typeAt(
      person,
      `init archive --vault ${vault.origin} --key-out key.txt --no-keychain`,
      { when: fresh, type: `${password}\r` },
      { when: again, type: 'something else\r' },
      { when: fresh, type: `${password}\r` },
      { when: again, type: `${password}\r` },
    )
    expect(code, screen).toBe(0)
    expect(screen).toContain('The two differ. Please type it again.')
    expect(screen).toContain(new URL(vault.invited).hash.slice(1))
    expect(screen).toContain('•'.repeat(password.length))
    expect(screen).not.toContain(password)
  })

  it('is asked for where it is needed, and again after a wrong one, with the tries that are left', async () => {
    const { code, screen } = await typeAt(
      person,
      'snapshots archive',
      { when: asked, type: 'wrong\r' },
      { when: asked, type: `${password}\r` },
    )
    expect(code, screen).toBe(0)
    expect(screen).toContain(`Password, for the vault at ${new URL(vault.origin).host} (`)
    expect(screen).toContain('9 tries left before the password stops working for good.')
    expect(screen).toContain('This archive holds no backup yet.')
  })

  it('gives way to the digits with Enter alone', async () => {
    const digits = readFileSync(join(person.folder, 'key.txt'), 'utf8').split('\n', 1)[0] ?? ''
    const { code, screen } = await typeAt(
      person,
      'snapshots archive',
      { when: asked, type: '\r' },
      { when: /key of this archive:\r?\n/, type: `${digits}\r` },
    )
    expect(code, screen).toBe(0)
  })

  it('is changed by typing the old one and then the new one twice', async () => {
    const { code, screen } = await typeAt(
      person,
      'password change archive',
      { when: asked, type: `${password}\r` },
      { when: fresh, type: 'seven quiet herons 41\r' },
      { when: again, type: 'seven quiet herons 41\r' },
    )
    expect(code, screen).toBe(0)
    expect(screen).toContain('The password is set.')
  })

  it('is given up with Ctrl-C, which costs no try', async () => {
    const { code, screen } = await typeAt(person, 'snapshots archive', { when: asked, type: 'half\u0003' })
    expect([code, screen]).toEqual([130, expect.stringContaining('Cancelled.')])
    const { json } = await person.coffer('activity', 'archive', '--key-file', 'key.txt', '--json')
    expect(json).toMatchObject({ attemptsLeft: 10 })
  })
})
