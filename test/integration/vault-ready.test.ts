/** What a vault says of its own health, to anybody who asks. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startVault } from '../../vault/index.ts'
import { type Keystore, KeystoreUnavailable } from '../../vault/keystore/keystore.ts'
import { createKeystore } from '../../vault/keystore/open-keystore.ts'
import { openSqlite } from '../../vault/store/sqlite.ts'
import { type Storage, StorageUnavailable } from '../../vault/store/storage.ts'
import { talkativeLog } from '../fixtures/vault/expect-refusal.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

describe('/readyz', () => {
  it('says which part is missing and nothing more; where it lies and why stands in the log, once', async () => {
    const folder = temporaryFolder()
    const broken = { keystore: false, storage: false }
    const real = await createKeystore({ kind: 'software', file: join(folder, 'keys'), anchorFolder: folder }, 'one')
    const file = await openSqlite({ file: join(folder, 'vault.db'), now: Date.now })
    const keystore: Keystore = {
      ...real,
      ready: () =>
        broken.keystore ? Promise.reject(new KeystoreUnavailable(`${folder}/keys cannot be used`)) : real.ready(),
    }
    const storage: Storage = {
      ...file,
      ready: () =>
        broken.storage ? Promise.reject(new StorageUnavailable('a.example:5432 does not answer')) : file.ready(),
    }
    const { log, text } = talkativeLog()
    const vault = await startVault({
      keystore,
      storage,
      listen: { host: '127.0.0.1', port: 0 },
      peers: [],
      waits: [],
      invites: false,
      threads: 1,
      perMinute: 0,
      trustProxy: false,
      log,
    })
    await vault.ready
    const ask = async () => {
      const answer = await fetch(`${vault.address}/readyz`)
      return { status: answer.status, ...((await answer.json()) as object) }
    }
    expect(await ask()).toEqual({ status: 200, ready: true })
    broken.keystore = true
    for (const _ of [1, 2])
      expect(await ask()).toEqual({ status: 503, ready: false, reason: 'the keystore cannot be used' })
    broken.storage = true
    expect(await ask()).toEqual({ status: 503, ready: false, reason: 'the database cannot be used' })
    Object.assign(broken, { keystore: false, storage: false })
    expect(await ask()).toEqual({ status: 200, ready: true })
    expect(text().split(`${folder}/keys cannot be used`)).toHaveLength(2)
    await vault.close()
  })
})
