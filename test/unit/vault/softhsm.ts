/**
 * Tokens of SoftHSM's: a real PKCS#11 library with real sessions, objects and PINs, whose tokens are files. It is the
 * only one that runs anywhere; what hardware does differently is shown by odd-token.c on top of it.
 *
 * SoftHSM is told by SOFTHSM2_CONF where its tokens lie, when a process starts using it. The vault uses it in
 * processes of their own, which inherit what is set here: one folder for each test file, many tokens in it.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pkcs11Spec } from '../../../vault/keystore/pkcs11.ts'

const modules = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
]

export interface SoftHsm {
  folder: string
  /** Where the tokens lie. */
  tokens: string
  /** Makes a token and says how to open it. */
  token(): Pkcs11Spec
  end(): void
}

/** Throws where SoftHSM is not installed: these tests show nothing without it. */
export function startSoftHsm(): SoftHsm {
  const module = modules.find((path) => existsSync(path))
  if (!module) throw new Error('SoftHSM is not installed: apt-get install softhsm2')
  const folder = mkdtempSync(join(tmpdir(), 'coffer-softhsm-'))
  const tokens = join(folder, 'tokens')
  mkdirSync(tokens)
  const config = join(folder, 'softhsm2.conf')
  writeFileSync(config, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  process.env['SOFTHSM2_CONF'] = config
  let count = 0
  return {
    folder,
    tokens,
    token() {
      const label = `token ${++count}`
      const pins = ['--so-pin', '12345678', '--pin', '123456']
      execFileSync('softhsm2-util', ['--init-token', '--free', '--label', label, ...pins], { stdio: 'ignore' })
      return { kind: 'pkcs11', module, tokenLabel: label, pin: '123456', keyLabel: 'vault', timeoutMs: 5000 }
    },
    end: () => rmSync(folder, { recursive: true, force: true }),
  }
}
