/** The checkpoint's tables in PostgreSQL. */
import type { CheckpointTables, Making } from './checkpoints.ts'
import type { Session } from './postgres-session.ts'

/** `alone` runs work in a transaction that holds the gate and commits; `reading` runs it outside of any. */
export function postgresCheckpoints(
  alone: <T>(work: (session: Session) => Promise<T>) => Promise<T>,
  reading: <T>(work: (session: Session) => Promise<T>) => Promise<T>,
): CheckpointTables {
  return {
    addPart: (making, number, bytes) =>
      alone(async (session) => {
        await session.query(
          "INSERT INTO checkpoint_parts (making, number, bytes) VALUES ($1::text, $2::bigint, decode($3, 'hex'))",
          [making, number, bytes.toString('hex')],
        )
      }),
    turnTo: ({ making, place, parts }) =>
      alone(async (session) => {
        const turned = await session.query(
          `INSERT INTO checkpoint (one, making, place, parts)
           SELECT 1, $1::text, $2::bigint, $3::bigint
           WHERE (SELECT count(*) FROM checkpoint_parts WHERE making = $1::text) = $3::bigint
             AND NOT EXISTS (SELECT 1 FROM checkpoint WHERE place > $2::bigint)
           ON CONFLICT (one) DO UPDATE SET making = excluded.making, place = excluded.place, parts = excluded.parts
           RETURNING one`,
          [making, place, parts],
        )
        return turned.length > 0
      }),
    dropParts: (limit) =>
      alone(async (session) => {
        const dropped = await session.query(
          `DELETE FROM checkpoint_parts WHERE (making, number) IN (
             SELECT making, number FROM checkpoint_parts
             WHERE making NOT IN (SELECT making FROM checkpoint) LIMIT $1::bigint)
           RETURNING number`,
          [limit],
        )
        return dropped.length
      }),
    dropLog: (below, limit) =>
      alone(async (session) => {
        const dropped = await session.query(
          `DELETE FROM log WHERE place IN (
             SELECT place FROM log WHERE place < $1::bigint ORDER BY place LIMIT $2::bigint)
           RETURNING place`,
          [below, limit],
        )
        return dropped.length
      }),
    current: () =>
      reading(async (session) => {
        const [found] = await session.query<Making>('SELECT making, place, parts FROM checkpoint')
        return found
      }),
    part: (making, number) =>
      reading(async (session) => {
        const [found] = await session.query<{ bytes: Buffer }>(
          'SELECT bytes FROM checkpoint_parts WHERE making = $1::text AND number = $2::bigint',
          [making, number],
        )
        return found?.bytes
      }),
  }
}
