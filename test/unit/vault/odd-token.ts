/** Makes odd-token.c's library, and tells it what to do. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Pkcs11Spec } from '../../../vault/keystore/pkcs11.ts'
import type { SoftHsm } from './softhsm.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

export interface OddToken {
  /** The library itself, for LD_PRELOAD. */
  library: string
  /** A new token, reached through the odd library. */
  token(): Pkcs11Spec
  /** See odd-token.c; none: it passes everything on. */
  order(what?: string): void
  /** Whether the order was carried out and is over. */
  isDone(): boolean
  /** How often the function was called, in all processes. */
  calls(name: string): number
}

export function oddToken(softHsm: SoftHsm): OddToken {
  const library = join(softHsm.folder, 'odd-token.so')
  const headers = path('../../../node_modules/pkcs11js/includes')
  execFileSync('cc', ['-shared', '-fPIC', '-I', headers, '-o', library, path('odd-token.c')])
  const folder = join(softHsm.folder, 'odd')
  mkdirSync(folder)
  const [orders, calls] = [join(folder, 'orders'), join(folder, 'calls')]
  process.env['COFFER_ODD_FOLDER'] = folder
  return {
    library,
    token() {
      const spec = softHsm.token()
      process.env['COFFER_ODD_REAL'] = spec.module
      return { ...spec, module: library }
    },
    order: (what) => (what === undefined ? rmSync(orders, { force: true }) : writeFileSync(orders, what)),
    isDone: () => !existsSync(orders),
    calls: (name) =>
      (existsSync(calls) ? readFileSync(calls, 'utf8').split('\n') : []).filter((it) => it === name).length,
  }
}
