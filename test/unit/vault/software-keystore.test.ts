import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { keystoreConformance } from './keystore-conformance.ts'

const folder = mkdtempSync(join(tmpdir(), 'coffer-keystore-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

keystoreConformance('software', async () => {
  const place = mkdtempSync(join(folder, 'place-'))
  const spec = (name: string) => ({ kind: 'software' as const, file: join(place, name), anchorFolder: place })
  return { spec: spec('keys'), other: { ...spec('other'), anchorFolder: mkdtempSync(join(folder, 'other-')) } }
})
