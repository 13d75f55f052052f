import { describe, expect, it } from 'vitest'
import { faultyDestination } from '../../faults/fault-destination.ts'
import { memoryDestination } from '../../fixtures/memory-destination.ts'
import { destinationConformance } from './conformance.ts'
import { bytesOf, codeOf, collect, failureOf } from './looking.ts'

destinationConformance('faulty destination without faults', () => {
  const inner = memoryDestination()
  return Promise.resolve({ one: faultyDestination(inner), other: faultyDestination(inner) })
})

describe('a faulty destination', () => {
  it('fails the n-th call of all, or of a kind, or of a name, and only that', async () => {
    const nth = faultyDestination(memoryDestination(), { at: 2 })
    expect([await codeOf(nth.now()), await codeOf(nth.now()), await codeOf(nth.now())]).toEqual([
      undefined,
      'destination_failed',
      undefined,
    ])
    const put = faultyDestination(memoryDestination(), {
      at: 1,
      kind: ['put', 'replace'],
      name: /^snapshots/,
      code: 'destination_full',
    })
    expect([
      await codeOf(put.now()),
      await codeOf(put.put('packs/a1', bytesOf(1, 1))),
      await codeOf(put.put('snapshots/s1', bytesOf(1, 1))),
    ]).toEqual([undefined, undefined, 'destination_full'])
    expect([put.struck, put.count(), put.count('put')]).toEqual([1, 3, 2])
    expect(put.calls).toEqual([
      { kind: 'now', name: '' },
      { kind: 'put', name: 'packs/a1' },
      { kind: 'put', name: 'snapshots/s1' },
    ])
  })

  it('does nothing before, everything but the answer after, and half of it when torn', async () => {
    for (const [how, size] of [
      ['before', undefined],
      ['after', 10],
      ['torn', 5],
    ] as const) {
      const inner = memoryDestination()
      expect(await codeOf(faultyDestination(inner, { at: 1, kind: 'put', how }).put('packs/a1', bytesOf(10, 1)))).toBe(
        'destination_failed',
      )
      expect((await inner.get('packs/a1'))?.byteLength).toBe(size)
    }
  })

  it('fails a listing before its first entry or after its last', async () => {
    for (const [how, seen] of [
      ['before', 0],
      ['after', 1],
    ] as const) {
      const inner = memoryDestination()
      await inner.put('packs/a1', bytesOf(1, 1))
      const names: string[] = []
      const faulty = faultyDestination(inner, { at: 1, kind: 'list', how })
      expect(
        await codeOf(
          (async () => {
            for await (const { name } of faulty.list('packs')) names.push(name)
          })(),
        ),
      ).toBe('destination_failed')
      expect(names).toHaveLength(seen)
      expect(await collect(faulty.list('packs'))).toHaveLength(1)
    }
  })

  it('stays dead when the fault lasts, with the error it died of, and calls out as it strikes', async () => {
    let struck = 0
    const faulty = faultyDestination(memoryDestination(), {
      at: 1,
      kind: 'put',
      lasting: 'forever',
      code: 'destination_unreachable',
      detail: { reason: 'cable' },
      strike: () => struck++,
    })
    expect(await codeOf(faulty.now())).toBeUndefined()
    expect(await codeOf(faulty.put('packs/a1', bytesOf(1, 1)))).toBe('destination_unreachable')
    expect(await failureOf(faulty.get('packs/a1'))).toMatchObject({
      code: 'destination_unreachable',
      detail: { reason: 'cable' },
    })
    expect(await codeOf(collect(faulty.list('')))).toBe('destination_unreachable')
    expect([struck, faulty.struck]).toEqual([1, 1])
  })
})
