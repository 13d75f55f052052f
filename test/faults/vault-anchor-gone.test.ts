/** A node without its anchor: with it gone, any older database would be as good as the newest. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { login, owner, register } from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { configureVault, serveVault, vaultCommand } from '../fixtures/vault/vault-command.ts'
import { parent } from './vault-thief-tools.ts'

let vault: TestVault
beforeEach(async () => {
  vault = await openTestVault({ parent })
})
afterEach(() => removeVault(vault))

it('a node whose anchor was taken away does not start, and only burning its records makes it', async () => {
  configureVault(vault.folder, vault.keystore)
  const who = owner()
  await register(vault.send, who, { password: 'right' })
  await vault.close()
  rmSync(join(vault.folder, 'one.anchor'))
  const operate = (...args: string[]) => vaultCommand(['--data', vault.folder, ...args])
  for (const command of [['serve', '--listen', '127.0.0.1:0'], ['rotate-seal-key']])
    expect(await operate(...command)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/anchor is gone/),
    })
  expect(await operate('log', 'verify')).toMatchObject({ code: 1, stdout: expect.stringMatching(/anchor is gone/) })
  expect(await operate('recover')).toMatchObject({ code: 1, stdout: expect.stringMatching(/recover --burn 1/) })
  expect(await operate('recover', '--burn', '1')).toMatchObject({ code: 0 })
  vault = await openTestVault({ folder: vault.folder })
  await expect(login(vault.send, who, 'right')).rejects.toMatchObject({ refusal: { code: 'destroyed' } })
  await vault.close()
})

it('a new vault has an anchor from its first day', async () => {
  await vault.close()
  const folder = join(vault.folder, 'new')
  const served = await serveVault(folder)
  await served.end()
  rmSync(join(folder, 'one.anchor'))
  expect(await vaultCommand(['--data', folder, 'serve', '--listen', '127.0.0.1:0'])).toMatchObject({ code: 2 })
})
