import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import { openStaging } from '../../../main/core/jobs/restore/staging.ts'

it('says that the target is gone when it was taken away before a database has its folder', () => {
  const target = mkdtempSync(join(tmpdir(), 'coffer-staging-'))
  const staging = openStaging(target)
  rmSync(target, { recursive: true })
  let failure: unknown
  try {
    staging.database(0)
  } catch (error) {
    failure = error
  }
  expect(failure).toBeInstanceOf(CofferError)
  expect(failure).toMatchObject({ code: 'target_failed', detail: { reason: 'ENOENT' } })
  staging.remove({ undo: true })
})
