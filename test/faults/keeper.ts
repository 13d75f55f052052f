/** Someone who keeps an archive, at the command line: makes it, backs stores up into it and restores them. */
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { type Ended, newPerson, type Person } from '../integration/command-line.ts'
import type { Digests } from './bystander.ts'
import { contentBelow } from './content-below.ts'

export interface Keeper extends Person {
  /** A path below the person's folder. */
  at(...path: string[]): string
  /** Backs a store up: the command's end and what it says as JSON, whether it went well or not. */
  backUp(store: string, ...options: string[]): Promise<{ code: number | null; said: Said }>
  /** Restores a snapshot (the newest, if not given) to a new folder, which is what is given back. */
  restore(snapshot?: string): Promise<string>
  /** The same, as digests. */
  restored(snapshot?: string): Promise<Digests>
}

export interface Said {
  snapshot?: string
  seq?: number
  databases?: { path: string; pages: number; changed: number }[]
  files?: { new: number; unchanged: number; missing: number }
  warnings?: Record<string, unknown>[]
  error?: { code: string; message: string; next: string; [detail: string]: unknown }
}

/** Someone new with an empty archive in `archive` and its key in `key.txt`; gone after the test. */
export async function newKeeper(options: { ordinary?: boolean } = {}): Promise<Keeper> {
  const person = newPerson(options)
  onTestFinished(() => person.leave())
  const at = (...path: string[]) => join(person.folder, ...path)
  let restores = 0
  const keeper: Keeper = {
    ...person,
    at,
    async backUp(store, ...more) {
      const { code, stdout } = await person.coffer(
        'backup',
        store,
        'archive',
        '--key-file',
        'key.txt',
        '--json',
        ...more,
      )
      return { code, said: JSON.parse(stdout) as Said }
    },
    async restore(snapshot) {
      const target = at(`restored ${++restores}`)
      const which = snapshot === undefined ? [] : ['--snapshot', snapshot]
      const ended = await person.coffer('restore', 'archive', target, '--key-file', 'key.txt', '--json', ...which)
      expect(ended.code, ended.stdout).toBe(0)
      return target
    },
    restored: async (snapshot) => contentBelow(await keeper.restore(snapshot)),
  }
  expectDone(await person.coffer('init', 'archive', '--key-out', 'key.txt', '--no-keychain', '--json'))
  return keeper
}

export function expectDone({ code, stdout, stderr }: Ended): void {
  expect([code, stdout + stderr]).toEqual([0, expect.any(String)])
}
