/** SQLite's quick_check of every page, table and index, also of databases that need what only their own program has. */
import type { Database } from 'better-sqlite3'

/**
 * The lines quick_check complains with, at most 100; none if all is well. About two seconds per gigabyte.
 *
 * A full-text index is a handful of ordinary tables, and those are checked like any other. What SQLite would check
 * besides is whether the index says the same as the text it was made of: that takes longer than everything else
 * together, needs the messenger's own tokenizer (without it the whole check fails before it begins) and finds nothing
 * that is lost, since the messenger can make its index anew. So the modules behind such tables are kept out.
 * The connection finds nothing in a full-text index any more.
 */
export function quickCheck(db: Database): string[] {
  for (const module of ['fts3', 'fts4', 'fts5']) db.table(module, nothing)
  try {
    return db
      .prepare<[], string>('pragma quick_check(100)')
      .pluck()
      .all()
      .filter((line) => line !== 'ok')
  } catch (error) {
    // Damage may stop the check itself.
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_CORRUPT'))
      return [error.message]
    throw error
  }
}

// A function makes a module for `create virtual table`; the published types know only of tables that are always there.
const nothing = (() => ({ columns: ['nothing'], *rows() {} })) as unknown as Parameters<Database['table']>[1]
