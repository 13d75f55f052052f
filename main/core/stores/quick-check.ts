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
 *
 * What else only the messenger has (the order in which an index sorts, a function that computes a column) makes the
 * whole check fail as well. Then tables are checked one by one, without those that cannot be.
 */
export function quickCheck(db: Database): string[] {
  for (const module of ['fts3', 'fts4', 'fts5']) db.table(module, nothing)
  const whole = linesOf(db, 'pragma quick_check(100)')
  if (whole) return whole
  const tables = db
    .prepare<[], string>(`select name from sqlite_schema where type = 'table' and rootpage > 0`)
    .pluck()
    .all()
  return ['sqlite_schema', ...tables]
    .flatMap((name) => linesOf(db, `pragma quick_check("${name.replaceAll('"', '""')}")`) ?? [])
    .slice(0, 100)
}

/** Undefined if the check needs something that this SQLite does not have. */
function linesOf(db: Database, pragma: string): string[] | undefined {
  try {
    const lines = db.prepare<[], string>(pragma).pluck().all()
    return lines.filter((line) => line !== 'ok')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    // Damage may stop the check itself.
    if (error instanceof Error && code.startsWith('SQLITE_CORRUPT')) return [error.message]
    if (/^SQLITE_ERROR(_MISSING_COLLSEQ)?$/.test(code)) return undefined
    throw error
  }
}

// A function makes a module for `create virtual table`; the published types know only of tables that are always there.
const nothing = (() => ({ columns: ['nothing'], *rows() {} })) as unknown as Parameters<Database['table']>[1]
