/** Destinations that fail, lose objects, damage them or are slow. */
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { faultyDestination } from '../faults/fault-destination.ts'
import { addRows, change, putMedia } from '../fixtures/practice-archive.ts'
import { expectAll, expectNewest, packsOf, practiceForTest } from './backup-checks.ts'

describe('what a destination may do', () => {
  it('a backup that failed midway is resumed without uploading a pack again', async () => {
    const it_ = await practiceForTest()
    change(it_.database, (db) => addRows(db, 1000))
    for (let i = 0; i < 12; i++) putMedia(it_, `film-${i}`, randomBytes(4_000_000))
    const faulty = faultyDestination(it_.destination, { at: 3, kind: 'put', name: /^packs/, lasting: 'forever' })
    await expect(it_.backUp({ destination: faulty })).rejects.toMatchObject({ code: 'destination_failed' })
    const arrived = packsOf(it_)
    expect(arrived.length).toBe(2)
    const { uploaded } = await it_.backUp()
    expect(packsOf(it_)).toEqual(expect.arrayContaining(arrived))
    expect(uploaded.bytes).toBeLessThan(50_000_000 - 2 * 15_000_000)
    await expectAll(it_, [it_.content()])
  })

  it('a pack that landed although its answer was lost is adopted', async () => {
    const it_ = await practiceForTest()
    for (let i = 0; i < 6; i++) putMedia(it_, `film-${i}`, randomBytes(4_000_000))
    const faulty = faultyDestination(it_.destination, {
      at: 1,
      kind: 'put',
      name: /^packs/,
      how: 'after',
      lasting: 'forever',
    })
    await expect(it_.backUp({ destination: faulty })).rejects.toMatchObject({ code: 'destination_failed' })
    expect(packsOf(it_).length).toBe(1)
    const { uploaded } = await it_.backUp()
    expect(uploaded.bytes).toBeLessThan(12_000_000)
    await expectAll(it_, [it_.content()])
  })

  it('heals itself when packs are gone or have the wrong size', async () => {
    const it_ = await practiceForTest()
    change(it_.database, (db) => addRows(db, 3000))
    for (let i = 0; i < 6; i++) putMedia(it_, `film-${i}`, randomBytes(4_000_000))
    await it_.backUp()
    for (const name of packsOf(it_)) {
      const whole = it_.destination.copy().objects.get(name)
      it_.destination.objects.delete(name)
      await it_.backUp()
      await expectNewest(it_, it_.content())
      if (whole) it_.destination.objects.set(name, { ...whole, bytes: whole.bytes.subarray(1) })
    }
    await it_.backUp()
    await expectNewest(it_, it_.content())
  })

  it('a pack that vanishes between its upload and the manifest is made again', async () => {
    const it_ = await practiceForTest()
    putMedia(it_, 'film', randomBytes(4_000_000))
    let gone = false
    const { destination } = it_
    const forgetful: typeof destination = {
      ...destination,
      async put(name, bytes) {
        await destination.put(name, bytes)
        if (!gone && name.startsWith('packs/')) {
          gone = true
          destination.objects.delete(name)
        }
      },
    }
    await it_.backUp({ destination: forgetful })
    expect(gone).toBe(true)
    await expectAll(it_, [it_.content()])
  })

  it('is not brought to a halt by a slow one, however much there is to seal', async () => {
    const it_ = await practiceForTest()
    for (let i = 0; i < 40; i++) putMedia(it_, `film-${i}`, randomBytes(3_500_000))
    const { destination } = it_
    // Every upload waits for the next one to begin, as far as the buffers allow: workers run out of them for sure.
    let begun = (): void => undefined
    const slow: typeof destination = {
      ...destination,
      async put(name, bytes) {
        begun()
        await Promise.race([
          new Promise<void>((resolve) => (begun = resolve)),
          new Promise((resolve) => setTimeout(resolve, 100)),
        ])
        await destination.put(name, bytes)
      },
    }
    expect((await it_.backUp({ destination: slow })).files.new).toBe(40)
  })

  it('restores the header from its copy', async () => {
    const it_ = await practiceForTest()
    it_.destination.objects.delete('coffer.json')
    const { warnings } = await it_.backUp()
    expect(warnings.map(({ code }) => code)).toEqual(['copy_used'])
    expect(it_.destination.objects.has('coffer.json')).toBe(true)
    expect((await it_.backUp()).warnings).toEqual([])
  })

  it('makes a damaged copy of the header anew', async () => {
    const it_ = await practiceForTest()
    const whole = it_.destination.copy().objects.get('coffer.previous.json')
    it_.destination.objects.set('coffer.previous.json', { bytes: Buffer.from('rubbish'), modified: new Date() })
    await it_.backUp()
    expect(it_.destination.objects.get('coffer.previous.json')?.bytes).toEqual(whole?.bytes)
  })
})
