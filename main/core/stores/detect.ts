/** The message stores on this computer, by the places where messengers keep them. */
import { realpath, stat } from 'node:fs/promises'
import { CofferError, describe, type ErrorCode } from '../../../contract/errors.ts'
import type { Machine } from './kind.ts'
import { openStore } from './open-store.ts'
import { storeKinds } from './registry.ts'
import type { StoreKindName } from './store.ts'
import { unsupportedPaths } from './unsupported.ts'

export interface DetectedStore {
  /** The kind that usually lies there; 'unsupported' for a messenger whose store cannot be read. */
  kind: StoreKindName | 'unsupported'
  /** The messenger, for people. */
  label: string
  /** Absolute. */
  path: string
  readable: boolean
  /** If it is not readable: the error's code, one sentence why, and what to do. */
  why?: { code: ErrorCode; say: string; next: string }
}

/**
 * Looks at every usual place, once each, also through links. Reads no more than the first bytes: what a store holds
 * is told by `openStore(…).inspect()`.
 */
export async function detectStores(machine: Machine): Promise<DetectedStore[]> {
  const found: DetectedStore[] = []
  const seen = new Set<string>()
  const places = [
    ...storeKinds.flatMap((kind) =>
      kind.usualPaths(machine).map((path) => ({ path, kind: kind.name, label: kind.label })),
    ),
    ...unsupportedPaths(machine).map((path) => ({ path, kind: 'unsupported' as const, label: '' })),
  ]
  for (const { path, kind, label } of places) {
    const real = await realpath(path).catch(() => undefined)
    // What cannot be resolved for lack of permission is worth naming; what is not there is not.
    if (real === undefined && !(await isForbidden(path))) continue
    if (seen.has(real ?? path)) continue
    seen.add(real ?? path)
    const store = await tryToOpen({ path, kind, label })
    if (store) found.push(store)
  }
  return found
}

async function tryToOpen({
  path,
  kind,
  label,
}: {
  path: string
  kind: StoreKindName | 'unsupported'
  label: string
}): Promise<DetectedStore | undefined> {
  try {
    // Nothing is copied before a snapshot is taken: no private folder is made here.
    await openStore({ path, tmp: '' })
    return kind === 'unsupported' ? undefined : { kind, label, path, readable: true }
  } catch (error) {
    if (!(error instanceof CofferError)) throw error
    const { say, next } = describe(error.code)
    const { messenger, why, instead } = error.detail
    if (error.code !== 'store_unsupported') {
      return kind === 'unsupported' || error.code === 'store_not_found'
        ? undefined
        : { kind, label, path, readable: false, why: { code: error.code, say, next } }
    }
    return {
      kind: 'unsupported',
      label: typeof messenger === 'string' ? messenger : label,
      path,
      readable: false,
      why: {
        code: error.code,
        say: typeof why === 'string' ? why : say,
        next: typeof instead === 'string' ? instead : next,
      },
    }
  }
}

async function isForbidden(path: string): Promise<boolean> {
  try {
    await stat(path)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM')
  }
}
