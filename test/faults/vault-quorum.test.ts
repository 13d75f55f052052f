/** PostgreSQL may acknowledge only what a second site has, whatever it is set to and whoever interferes. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import postgres from 'postgres'
import { openPostgres, type PostgresOptions } from '../../vault/store/postgres.ts'
import { StorageUnavailable, StorageUnfit, type Storage } from '../../vault/store/storage.ts'
import { until } from '../unit/vault/postgres-server.ts'
import { checkWhole, increment, put, row } from '../unit/vault/storage-samples.ts'
import { threeSites, type Sites } from '../unit/vault/three-sites.ts'

let made: Sites | undefined
beforeAll(async () => {
  made = await threeSites()
})
afterAll(() => made?.remove())

function sites(): Sites {
  if (!made) throw new Error('there are no sites')
  return made
}
/** Removes what the test before left; gives the address of the database at these sites. */
async function emptied(): Promise<(...of: ('a' | 'b' | 'c')[]) => string> {
  await sites().a.sql('DROP SCHEMA IF EXISTS coffer_vault CASCADE')
  return (...of) => `postgres://vault@${of.map((it) => `127.0.0.1:${sites()[it].port}`).join()}/postgres`
}
async function opened(url: string, options: Partial<PostgresOptions> = {}): Promise<Storage> {
  const storage = await openPostgres({ urls: [url], patience: 1500, ...options })
  onTestFinished(() => storage.close())
  return storage
}
/** Sets this on the primary now, and back when the test is over. */
async function set(name: string, value: string): Promise<void> {
  const { a } = sites()
  const apply = async (statement: string, so: (now: string | undefined) => boolean): Promise<void> => {
    await a.sql(statement)
    await a.sql('SELECT pg_reload_conf()')
    await until(name, async () =>
      so((await a.sql<{ now: string }>(`SELECT current_setting('${name}') AS now`))[0]?.now),
    )
  }
  const [before] = await a.sql<{ now: string }>(`SELECT current_setting('${name}') AS now`)
  await apply(`ALTER SYSTEM SET ${name} = '${value}'`, (now) => now === value)
  onTestFinished(() => apply(`ALTER SYSTEM RESET ${name}`, (now) => now === before?.now))
}
function freezeStandbys(): void {
  const { b, c } = sites()
  for (const it of [b, c]) it.freeze()
  onTestFinished(thawStandbys)
}
async function thawStandbys(): Promise<void> {
  const { a, b, c, streaming } = sites()
  for (const it of [b, c]) it.thaw()
  await streaming(a, 2)
}
/** Server processes of the vault's that wait for the standbys. */
function waitingForQuorum(): Promise<{ pid: number }[]> {
  return sites().a.sql("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid <> pg_backend_pid()")
}

describe('a server that must not be used', () => {
  it('a standby is never written to, alone or among others', async () => {
    const at = await emptied()
    await expect(opened(at('b'), { patience: 300 })).rejects.toThrow(/is a standby/)
    await expect(opened(at('b', 'c'), { patience: 300 })).rejects.toThrow(StorageUnavailable)
    expect(await put(await opened(at('c', 'b', 'a')), [row('a')])).toBe(1)
  })

  it.each([
    ['synchronous_standby_names', '', /synchronous_standby_names/],
    ['fsync', 'off', /fsync/],
    ['full_page_writes', 'off', /full_page_writes/],
  ])('one with %s “%s” is unfit, and evaluates nothing where it was fit before', async (name, value, message) => {
    const at = await emptied()
    const storage = await opened(at('a', 'b', 'c'))
    await put(storage, [row('a')])
    await set(name, value)
    const refused = await openPostgres({ urls: [at('a')] }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(StorageUnfit)
    expect(String(refused)).toMatch(message)
    let evaluated = 0
    const group = storage.group({ rids: [], after: 0, notes: [] }, async () => ({ value: (evaluated += 1) }))
    await expect(group).rejects.toThrow(StorageUnavailable)
    await expect(storage.ready()).rejects.toThrow(message)
    expect(evaluated).toBe(0)
  })

  it('one without standbys is used only where that is allowed', async () => {
    const at = await emptied()
    await set('synchronous_standby_names', '')
    await expect(opened(at('a'))).rejects.toThrow(/allow a single node explicitly/)
    expect(await put(await opened(at('a'), { allowSingleNode: true }), [row('a')])).toBe(1)
  })

  it('settings of the role or in the address change nothing of ours', async () => {
    const at = await emptied()
    const { a } = sites()
    await a.sql("ALTER ROLE vault SET client_min_messages = 'error'; ALTER ROLE vault SET synchronous_commit = 'local'")
    onTestFinished(async () => void (await a.sql('ALTER ROLE vault RESET ALL')))
    const storage = await opened(`${at('a')}?synchronous_commit=off&statement_timeout=1&client_min_messages=panic`)
    freezeStandbys()
    await expect(put(storage, [row('a')])).rejects.toThrow(StorageUnavailable)
    await thawStandbys()
    expect(await put(storage, [row('b')])).toBeGreaterThan(0)
  })

  it('tables that the vault did not make are left alone', async () => {
    const at = await emptied()
    const client = postgres(at('a'), { max: 1, onnotice: () => undefined })
    onTestFinished(() => client.end())
    await client.unsafe('CREATE SCHEMA coffer_vault; CREATE TABLE coffer_vault.rows (rid text)')
    await expect(opened(at('a'))).rejects.toThrow(StorageUnfit)
    await client.unsafe('DROP SCHEMA coffer_vault CASCADE')
    await (await opened(at('a'))).close()
    await client.unsafe(`CREATE FUNCTION coffer_vault.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER t BEFORE INSERT ON coffer_vault.log FOR EACH ROW EXECUTE FUNCTION coffer_vault.f()`)
    await expect(opened(at('a'))).rejects.toThrow(StorageUnfit)
  })
})

describe('both standbys gone', () => {
  it('nothing is acknowledged, nothing decided any more, and it goes on when one is back', async () => {
    const { a, b } = sites()
    const at = await emptied()
    const storage = await opened(at('a', 'b', 'c'))
    const other = await opened(at('a', 'b', 'c'))
    await increment(storage, 'shared', async () => undefined)
    freezeStandbys()
    let decided = 0
    const attempt = (it: Storage): Promise<number> => increment(it, 'shared', async () => (decided += 1))
    await expect(attempt(storage)).rejects.toThrow(StorageUnavailable)
    // The first was decided and waits for its quorum with the lock in its hands; the others do not get that far.
    expect(decided).toBe(1)
    for (const outcome of await Promise.allSettled([attempt(storage), attempt(other), storage.ready(), other.head()])) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(StorageUnavailable)
    }
    await expect(attempt(other)).rejects.toThrow(StorageUnavailable)
    expect(decided).toBe(1)
    b.thaw()
    await until('a commit', async () => (await attempt(storage)) > 0)
    const seen = await checkWhole(other, ['shared'])
    // What nobody acknowledged was committed all the same, as it may be.
    expect(seen.head?.place).toBe(decided + 1)
    await until('no process to be left over', async () => {
      const left = await a.sql(`SELECT 1 FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()`)
      return left.length === 0
    })
  })

  it('a commit whose wait is cut short is no commit, though PostgreSQL reports success', async () => {
    const { a } = sites()
    const at = await emptied()
    const storage = await opened(at('a', 'b', 'c'), { patience: 8000 })
    await put(storage, [row('a')])
    const naive = postgres(at('a'), { max: 1, onnotice: () => undefined })
    onTestFinished(() => naive.end({ timeout: 0 }))
    await naive.unsafe('CREATE TABLE IF NOT EXISTS naive (it int)')
    freezeStandbys()
    const cancelled = async (): Promise<void> => {
      await until('a commit that waits', async () => (await waitingForQuorum()).length === 1)
      for (const { pid } of await waitingForQuorum()) await a.sql(`SELECT pg_cancel_backend(${pid})`)
    }
    // This is what the rule is there for: no standby has it, and the client is told that all is well.
    const believed = naive.unsafe('INSERT INTO naive VALUES (1)').execute()
    await cancelled()
    expect((await believed).command).toBe('INSERT')
    const group = put(storage, [row('b')])
    const refused = expect(group).rejects.toThrow(/warning/)
    await cancelled()
    await refused
    await thawStandbys()
    expect(await put(storage, [row('c')])).toBeGreaterThan(1)
  })
})
