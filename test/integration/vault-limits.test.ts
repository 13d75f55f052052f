/** Limits for each address: they hold, they say for how long, and nobody gets round them by claiming to be others. */
import { afterEach, describe, expect, it } from 'vitest'
import type { ServerOptions } from '../../vault/http/server.ts'
import { openTestVault, type TestVault } from '../fixtures/vault/test-vault.ts'

let vault: TestVault
afterEach(() => vault.close())

interface Asker {
  /** Who is at the other end of the connection. */
  from: string
  /** What stands in X-Forwarded-For. */
  forwarded?: string
}

/** How the vault answers each of these in turn. */
async function statuses(server: Partial<ServerOptions>, askers: readonly Asker[]): Promise<number[]> {
  vault = await openTestVault({ server })
  const answers: number[] = []
  for (const { from, forwarded } of askers) {
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
    answers.push((await vault.app.inject({ url: '/v1/info', remoteAddress: from, headers })).statusCode)
  }
  return answers
}

describe('an address that asks too often', () => {
  it('is refused with the time it has to wait, and the others are not', async () => {
    const [busy, other] = [{ from: '192.0.2.1' }, { from: '192.0.2.2' }]
    expect(await statuses({ perMinute: 2 }, [busy, busy, busy, other])).toEqual([200, 200, 429, 200])
    const refused = await vault.app.inject({ url: '/v1/info', remoteAddress: busy.from })
    const { code, retryAfter, charged } = refused.json<{ code: string; retryAfter: number; charged: boolean }>()
    expect({ code, charged }).toEqual({ code: 'rate_limited', charged: false })
    expect(retryAfter).toBeGreaterThan(0)
    expect(retryAfter).toBeLessThanOrEqual(60_000)
  })

  it('is no other one for saying so, where no proxy is trusted', async () => {
    const askers = [1, 2, 3].map((at) => ({ from: '192.0.2.1', forwarded: `198.51.100.${at}` }))
    expect(await statuses({ perMinute: 2 }, askers)).toEqual([200, 200, 429])
  })

  it('is the one that the proxy in front has seen, whatever stood in the header before', async () => {
    const through = (forwarded: string): Asker => ({ from: '10.0.0.1', forwarded })
    const answers = await statuses({ perMinute: 2, trustProxy: true }, [
      through('198.51.100.1, 203.0.113.7'),
      through('198.51.100.2, 203.0.113.7'),
      through('198.51.100.3, 203.0.113.7'),
      through('198.51.100.3, 203.0.113.8'),
    ])
    expect(answers).toEqual([200, 200, 429, 200])
  })
})
