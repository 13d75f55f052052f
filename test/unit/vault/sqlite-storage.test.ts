import { openSqlite } from '../../../vault/store/sqlite.ts'
import { join } from 'node:path'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { storageConformance } from './storage-conformance.ts'

storageConformance('sqlite', async () => {
  const file = join(temporaryFolder(), 'vault.db')
  return { open: (options = {}) => openSqlite({ file, now: Date.now, ...options }), where: ['sqlite', file] }
})
