/**
 * How a checkpoint gets into an engine: part by part, each a short transaction between those of the groups, and then
 * one that turns to it. Whoever reads finds the whole old one or the whole new one; parts of one that was never
 * finished are nobody's and are removed by the next.
 */
import { randomUUID } from 'node:crypto'
import { checkKept } from './fitting-changes.ts'
import { StorageUnavailable } from './storage.ts'

export interface Making {
  making: string
  place: number
  parts: number
}

/** What an engine does for it; each is one transaction, alone as groups are. */
export interface CheckpointTables {
  addPart(making: string, number: number, bytes: Buffer): Promise<void>
  /** Points at these parts. False, and nothing happens, if one is missing or a later checkpoint is pointed at. */
  turnTo(it: Making): Promise<boolean>
  /** Removes up to `limit` parts of other checkpoints than the one pointed at; gives how many went. */
  dropParts(limit: number): Promise<number>
  /** Removes up to `limit` log entries below a place; gives how many went. */
  dropLog(below: number, limit: number): Promise<number>
  current(): Promise<Making | undefined>
  part(making: string, number: number): Promise<Buffer | undefined>
}

/** Removed in one go, so that no group waits long for tidying. */
const entriesAtOnce = 5000
const partsAtOnce = 16

/** See Storage.putCheckpoint. One that somebody overtook with a later one is dropped without a word. */
export async function putCheckpoint(
  tables: CheckpointTables,
  place: number,
  parts: AsyncIterable<Buffer>,
  keepFrom: number,
): Promise<void> {
  checkKept(place, keepFrom)
  const making = randomUUID()
  let count = 0
  for await (const bytes of parts) {
    await tables.addPart(making, count, bytes)
    count += 1
  }
  const turned = await tables.turnTo({ making, place, parts: count })
  while ((await tables.dropParts(partsAtOnce)) === partsAtOnce);
  // Only what the checkpoint that is now read covers may go.
  if (turned) while ((await tables.dropLog(keepFrom, entriesAtOnce)) === entriesAtOnce);
}

/** See Storage.checkpoint. StorageUnavailable when it is replaced while it is read: read anew. */
export async function readCheckpoint(
  tables: CheckpointTables,
): Promise<{ place: number; parts: AsyncIterable<Buffer> } | undefined> {
  const found = await tables.current()
  return found && { place: found.place, parts: partsOf(tables, found) }
}

async function* partsOf(tables: CheckpointTables, { making, parts }: Making): AsyncGenerator<Buffer> {
  for (let number = 0; number < parts; number++) {
    const bytes = await tables.part(making, number)
    if (!bytes) throw new StorageUnavailable('the checkpoint was replaced while it was being read')
    yield bytes
  }
}
