/**
 * `npm run bench -- vault`: logins a second through a real vault on this machine, beside what the OPAQUE library alone
 * does on the same processors in the same run. The client's half of every login is computed here too, on both sides.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { owner, register } from '../../fixtures/vault/honest-client.ts'
import { startSoftHsm } from '../../unit/vault/softhsm.ts'
import { median } from '../samples.ts'
import { fillVault } from './fill.ts'
import type { LoadResult, LoadTask } from './load-worker.ts'
import { sendOverHttp } from './one-login.ts'
import { residentBytes, runVault, startVaultProcess, type VaultProcess } from './vault-process.ts'

const threads = availableParallelism()
const password = 'a password'
/** Records to log in to, and logins under way at once, over all threads. */
const people = 512
const atOnce = 128

/** Runs the measures that `args` ask for, and gives the exit code: 1 when a figure misses what was asked for. */
export async function benchVault(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      pairs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '5' },
      million: { type: 'boolean', default: false },
    },
  })
  const pairs = Number(values.pairs)
  const seconds = Number(values.seconds)
  const figures: Figure[] = []
  for (const it of [sqlite, softHsm]) figures.push(...(await it.figures({ pairs, seconds })))
  if (values.million) figures.push(...(await million(seconds)))
  for (const { what, value, asked, met } of figures)
    console.log(`${what.padEnd(58)} ${value.padEnd(34)} ${asked.padEnd(18)} ${met ? 'met' : 'MISSED'}`)
  return figures.every(({ met }) => met) ? 0 : 1
}

interface Figure {
  what: string
  value: string
  asked: string
  met: boolean
}

interface Asked {
  pairs: number
  seconds: number
}

const sqlite = kind('SQLite, key file', 0.6, async (folder) => startVaultProcess(folder))
const softHsm = kind('SQLite, PKCS#11 (SoftHSM)', 0.45, async (folder) => {
  const hsm = startSoftHsm()
  const { module, tokenLabel, pin } = hsm.token()
  const env = { COFFER_VAULT_PIN: pin }
  const token = ['--keystore', 'pkcs11', '--pkcs11-module', module, '--token', tokenLabel]
  await runVault(folder, ['init', ...token], env)
  const vault = await startVaultProcess(folder, { env })
  const stop = (): Promise<void> => vault.stop().finally(() => hsm.end())
  return { ...vault, stop }
})

type Started = VaultProcess & { stop: () => Promise<void> }

/** Throughput and latency with one kind of vault, in pairs with the bare library. */
function kind(name: string, wanted: number, start: (folder: string) => Promise<Started>) {
  return {
    async figures({ pairs, seconds }: Asked): Promise<Figure[]> {
      const ratios: number[] = []
      const tails: number[] = []
      const rates: { bare: number; vault: number }[] = []
      await withVault(start, async (vault) => {
        const records = await makeRecords(vault, people)
        for (let pair = 0; pair < pairs; pair++) {
          const bare = await load({ records: [], seconds, atOnce: 1 })
          const full = await load({ vault, records, seconds, atOnce: atOnce / threads })
          const rate = { bare: rateOf(bare), vault: rateOf(full) }
          const half = await load({ vault, records, seconds, atOnce: 1, perSecond: rate.vault / 2 / threads })
          const usual = median(bare.flatMap(({ times }) => times)) ?? 0
          rates.push(rate)
          ratios.push(rate.vault / rate.bare)
          tails.push(percentile(half, 0.99) / usual)
          console.log(
            `${name}: bare ${rate.bare.toFixed(0)}/s (${usual.toFixed(2)} ms), vault ${rate.vault.toFixed(0)}/s, at half load p99 ${percentile(half, 0.99).toFixed(1)} ms`,
          )
        }
      })
      const ratio = median(ratios) ?? 0
      const tail = median(tails) ?? 0
      const [bare, vault] = [median(rates.map((it) => it.bare)), median(rates.map((it) => it.vault))]
      return [
        {
          what: `${name}: full logins, of the bare library’s`,
          value: `${percent(ratio)} (${vault?.toFixed(0)} of ${bare?.toFixed(0)} a second)`,
          asked: `at least ${percent(wanted)}`,
          met: ratio >= wanted,
        },
        {
          what: `${name}: 99th percentile at half that load`,
          value: `${tail.toFixed(1)} x the bare median`,
          asked: 'under 10 x',
          met: tail < 10,
        },
      ]
    },
  }
}

/** A login among a million records, beside one among a thousand; and the memory that knowing them takes. */
async function million(seconds: number): Promise<Figure[]> {
  const seen: { count: number; ms: number; bytes: number }[] = []
  for (const count of [1000, 1_000_000])
    await withVault(
      async (folder) => {
        await fillVault(folder, count)
        // Once from the log, and then, as usually, from the checkpoint that an orderly end leaves.
        await (await startVaultProcess(folder)).stop()
        return startVaultProcess(folder)
      },
      async (vault) => {
        const bytes = residentBytes(vault.pid)
        const records = await makeRecords(vault, people)
        const result = await load({ vault, records, seconds, atOnce: 1 })
        seen.push({ count, ms: median(result.flatMap(({ times }) => times)) ?? 0, bytes })
      },
    )
  const [few, many] = seen
  if (!few || !many) throw new Error('nothing was measured')
  return [
    {
      what: 'A login among a million records, beside a thousand',
      value: `${(many.ms / few.ms).toFixed(2)} x (${many.ms.toFixed(1)} and ${few.ms.toFixed(1)} ms)`,
      asked: 'no slower (1.1 x)',
      met: many.ms <= few.ms * 1.1,
    },
    {
      what: 'Memory that a million records take',
      value: `${((many.bytes - few.bytes) / 1e6).toFixed(0)} MB`,
      asked: 'stated: about 100',
      met: many.bytes - few.bytes < 150e6,
    },
  ]
}

async function withVault(start: (folder: string) => Promise<Started>, use: (vault: Started) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-bench-vault-'))
  const vault = await start(folder)
  try {
    await use(vault)
  } finally {
    await vault.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function makeRecords(vault: VaultProcess, count: number): Promise<string[]> {
  const send = sendOverHttp(vault.address)
  const owners = Array.from({ length: count }, () => owner())
  for (const who of owners) await register(send, who, { password })
  return owners.map(({ id }) => id)
}

function load(
  it: { vault?: VaultProcess } & Pick<LoadTask, 'records' | 'seconds' | 'atOnce' | 'perSecond'>,
): Promise<LoadResult[]> {
  const { vault, ...rest } = it
  return Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const records = rest.records.filter((_, at) => at % threads === thread)
      const task = { ...rest, records, address: vault?.address, fingerprint: vault?.fingerprint ?? '', password }
      return new Promise<LoadResult>((resolve, reject) => {
        const worker = new Worker(new URL('./load-worker.ts', import.meta.url), { workerData: task })
        worker.once('message', resolve)
        worker.once('error', reject)
      })
    }),
  )
}

function rateOf(results: readonly LoadResult[]): number {
  return results.reduce((sum, { logins, seconds }) => sum + logins / seconds, 0)
}

function percentile(results: readonly LoadResult[], share: number): number {
  const times = results.flatMap((it) => it.times).toSorted((a, b) => a - b)
  return times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
