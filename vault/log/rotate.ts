/**
 * A new seal key, and the end of the old one. Databases keep old pages, backups keep old databases: once the key under
 * which they were sealed is destroyed, nobody can read them, whatever they still hold.
 */
import type { Keystore } from '../keystore/keystore.ts'
import { Malformed } from '../service/field-reader.ts'
import { decodeRecord, isLiving } from '../service/record.ts'
import { changed, type Moment, type Outcome, secretsOf } from '../service/transition.ts'
import type { Storage } from '../store/storage.ts'
import type { Journal } from './journal.ts'

/** Rows read at once. */
const page = 500

export interface Rotation {
  epoch: number
  resealed: number
  /** Epochs whose keys were destroyed. */
  destroyed: number[]
}

/**
 * Can be interrupted and run again; nodes may go on serving meanwhile, since every group reads under which key to
 * seal. The old key is destroyed only when no row is left that needs it. Fails when a row is refused: that has to be
 * settled first.
 */
export async function rotateSealKey(
  { storage, keystore, journal }: { storage: Storage; keystore: Keystore; journal: Journal },
  onRow: (resealed: number) => void = () => undefined,
): Promise<Rotation> {
  const before = journal.view.epoch
  // One that an interrupted rotation has made already serves.
  const unused = (await keystore.epochs()).find((epoch) => epoch > before)
  const epoch = unused ?? (await keystore.addEpoch())
  await journal.sealWith(epoch)
  let resealed = 0
  for (let last: Buffer | undefined; ;) {
    const rows = await storage.rows(last, page)
    if (rows.length === 0) break
    const old = rows.filter(({ bytes }) => needsReseal(bytes, epoch))
    await Promise.all(old.map(({ rid }) => journal.submit(rid, reseal)))
    onRow((resealed += old.length))
    last = rows.at(-1)?.rid
  }
  const destroyed: number[] = []
  for (const other of await keystore.epochs())
    if (other < epoch) {
      await keystore.destroyEpoch(other)
      destroyed.push(other)
    }
  await storage.scrub()
  return { epoch, resealed, destroyed }
}

/** Also what is no record: the log refuses it, and says so better than its spelling could. */
function needsReseal(bytes: Buffer, epoch: number): boolean {
  try {
    const { sealed, sealEpoch } = decodeRecord(bytes)
    return sealed.length > 0 && sealEpoch < epoch
  } catch (error) {
    if (error instanceof Malformed) return true
    throw error
  }
}

/** A change in nothing but the seal. */
function reseal(moment: Moment): Outcome<undefined> {
  const { record } = moment
  if (!record || !isLiving(record)) return { value: undefined }
  return { value: undefined, next: { record: changed(record, {}), secrets: secretsOf(moment) } }
}
