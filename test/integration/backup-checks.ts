/** A store to back up that goes away with the test, and what must be in its archive then, read by the format alone. */
import { expect, onTestFinished } from 'vitest'
import { expectContent } from '../fixtures/forget-checks.ts'
import { manifests, type Practice, practice, type PracticeOptions } from '../fixtures/practice-archive.ts'

export async function practiceForTest(options: PracticeOptions = {}): Promise<Practice> {
  const made = await practice(options)
  onTestFinished(() => made.remove())
  return made
}

/** The newest snapshot holds exactly this: path in the archive (latin1) to bytes. */
export async function expectNewest(made: Practice, expected: Map<string, Buffer>): Promise<void> {
  const session = await made.open()
  const newest = (await manifests(session)).at(-1)
  if (!newest) throw new Error('there is no snapshot')
  await expectContent(session, newest, expected)
  session.close()
}

/** There are exactly these snapshots, oldest first. */
export async function expectAll(made: Practice, expected: Map<string, Buffer>[]): Promise<void> {
  const session = await made.open()
  const all = await manifests(session)
  expect(all.length).toBe(expected.length)
  for (const [i, manifest] of all.entries()) await expectContent(session, manifest, expected[i] ?? new Map())
  session.close()
}

/** Names of the packs that are there. */
export function packsOf({ destination }: Practice): string[] {
  return [...destination.objects.keys()].filter((name) => name.startsWith('packs/'))
}
