/**
 * Three sites as docs/OPERATING-A-VAULT.md describes them: one primary and two standbys that stream from it; a commit
 * waits for one of them. What Patroni would do after a loss is here in the test's hands.
 */
import { appendFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execFileSync, spawnSync } from 'node:child_process'
import postgres from 'postgres'
import { freePort, makeCluster, server, serverFolder, touch, until, type Server } from './postgres-server.ts'

export interface Sites {
  readonly a: Server
  readonly b: Server
  readonly c: Server
  /** All three in one address. */
  readonly url: string
  /** Of two standbys, the one that has received more. */
  mostAdvanced(standbys: readonly [Server, Server]): Promise<Server>
  /** Makes a standby the primary, and `follower` stream from it. */
  promote(chosen: Server, follower: Server): Promise<void>
  /** Resolves when this many standbys of a primary count for its quorum. */
  streaming(primary: Server, count: number): Promise<void>
  /** Makes a server that was killed a standby of `primary`, with its files copied anew. */
  rebuild(killed: Server, primary: Server): Promise<void>
  remove(): Promise<void>
}

export async function threeSites(): Promise<Sites> {
  const folder = serverFolder()
  const names = ['a', 'b', 'c'] as const
  const ports = await Promise.all(names.map(freePort))
  const servers = names.map((name, index) => ({ name, data: join(folder, name), port: ports[index] ?? 0 }))
  const others = (name: string): string =>
    names
      .filter((it) => it !== name)
      .map((it) => `site_${it}`)
      .join(', ')
  const settingsOf = (name: string): Record<string, string> => ({
    synchronous_standby_names: `ANY 1 (${others(name)})`,
    hot_standby_feedback: 'on',
    wal_receiver_status_interval: '1',
    wal_retrieve_retry_interval: '100ms',
    wal_keep_size: '32MB',
    recovery_target_timeline: 'latest',
  })
  const followedBy = (name: string, primary: Server): Record<string, string> => ({
    primary_conninfo: `host=127.0.0.1 port=${primary.port} user=vault application_name=site_${name}`,
  })
  const nameOf = (it: Server): string => it.data.slice(-1)

  const remove = async (): Promise<void> => {
    for (const it of [a, b, c]) await it?.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  let a: Server | undefined
  let b: Server | undefined
  let c: Server | undefined
  try {
    const [first, second, third] = servers
    if (!first || !second || !third) throw new Error('three')
    makeCluster(first.data)
    appendFileSync(join(first.data, 'pg_hba.conf'), 'host replication vault 127.0.0.1/32 trust\n')
    // Copied while nothing runs: no backup mode is needed, and all three know each other's past.
    for (const { data } of [second, third]) execFileSync('cp', ['-a', first.data, data])
    a = server(first.data, first.port, settingsOf('a'))
    b = server(second.data, second.port, { ...settingsOf('b'), ...followedBy('b', a) })
    c = server(third.data, third.port, { ...settingsOf('c'), ...followedBy('c', a) })
    for (const it of [b, c]) touch(join(it.data, 'standby.signal'))
    await a.start()
    await Promise.all([b.start(), c.start()])
  } catch (error) {
    await remove()
    throw error
  }
  const streaming = (primary: Server, count: number): Promise<void> =>
    until(`${count} standbys`, async () => {
      const text = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')"
      return (await primary.sql(text)).length === count
    })
  await streaming(a, 2)
  return {
    a,
    b,
    c,
    url: `postgres://vault@${[a, b, c].map(({ port }) => `127.0.0.1:${port}`).join()}/postgres`,
    streaming,
    remove,
    mostAdvanced: async (standbys) => {
      const received = await Promise.all(
        standbys.map(async (it) => {
          const [row] = await it.sql<{ at: string }>(
            "SELECT pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::text AS at",
          )
          return BigInt(row?.at ?? 0)
        }),
      )
      return (received[1] ?? 0n) > (received[0] ?? 0n) ? standbys[1] : standbys[0]
    },
    rebuild: async (killed, primary) => {
      const backup = postgres(primary.url, { max: 1, fetch_types: false })
      try {
        await backup.unsafe("SELECT pg_backup_start('rebuild', true)")
        rmSync(killed.data, { recursive: true, force: true })
        // Files that go while they are copied belong to sessions of the primary's.
        spawnSync('cp', ['-a', primary.data, killed.data])
        const [label] = await backup.unsafe<[{ labelfile: string }]>('SELECT labelfile FROM pg_backup_stop(false)')
        touch(join(killed.data, 'backup_label'), label.labelfile)
      } finally {
        await backup.end()
      }
      rmSync(join(killed.data, 'postmaster.pid'))
      touch(join(killed.data, 'standby.signal'))
      const name = nameOf(killed)
      killed.configure({ port: String(killed.port), ...settingsOf(name), ...followedBy(name, primary) })
      await killed.start()
    },
    promote: async (chosen, follower) => {
      await chosen.sql('SELECT pg_promote(true, 20)')
      follower.configure(followedBy(nameOf(follower), chosen))
      await follower.sql('SELECT pg_reload_conf()')
    },
  }
}
