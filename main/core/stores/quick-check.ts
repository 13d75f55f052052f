/** SQLite's quick_check, also of databases that need what only their own program has. */
import type { Database } from 'better-sqlite3'

/**
 * The lines quick_check complains with, at most 100; none if all is well. Seconds per gigabyte.
 *
 * A full-text index with a tokenizer that only the messenger knows makes the whole check fail before it begins
 * (“unknown tokenizer”). Then the tables that lie in pages are checked one by one, which leaves out such an index as
 * a whole but not the tables it is kept in.
 */
export function quickCheck(db: Database): string[] {
  try {
    return linesOf(db, 'pragma quick_check(100)')
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'SQLITE_ERROR') throw error
    const names = db
      .prepare<[], string>(`select name from sqlite_schema where type = 'table' and rootpage > 0`)
      .pluck()
      .all()
    return ['sqlite_schema', ...names]
      .flatMap((name) => linesOf(db, `pragma quick_check("${name.replaceAll('"', '""')}")`))
      .slice(0, 100)
  }
}

function linesOf(db: Database, pragma: string): string[] {
  try {
    const lines = db.prepare<[], string>(pragma).pluck().all()
    return lines.filter((line) => line !== 'ok')
  } catch (error) {
    // Damage may stop the check itself.
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_CORRUPT'))
      return [error.message]
    throw error
  }
}
