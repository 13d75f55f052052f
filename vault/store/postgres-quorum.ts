/**
 * What `synchronous_standby_names` says (postgresql.org/docs/current/runtime-config-replication.html): for how many
 * standbys a COMMIT waits, and which may count. Read by us and not believed by its look: an empty list, or one that
 * PostgreSQL would read differently, must not pass for a quorum.
 */
export interface Quorum {
  /** Standbys that have a commit on their disks before it is acknowledged. */
  wait: number
  /** Their names; `*` is any. */
  names: readonly string[]
}

const token = /\s*(?:"((?:[^"]|"")+)"|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(\d+)|([*(),]))/y

/** The quorum that this setting asks for, or undefined where it asks for none or cannot be read. */
export function parseQuorum(setting: string): Quorum | undefined {
  const words = tokens(setting)
  if (!words || words.length === 0) return undefined
  const open = words.indexOf('(')
  // A plain list is `FIRST 1 (list)`.
  if (open < 0) return quorum(1, words)
  const [method, count] = open === 1 ? ['first', words[0]] : [words[0]?.toLowerCase(), words[1]]
  if (open > 2 || (method !== 'first' && method !== 'any') || words.at(-1) !== ')') return undefined
  if (count === undefined || !/^\d+$/.test(count)) return undefined
  return quorum(Number(count), words.slice(open + 1, -1))
}

function quorum(wait: number, list: string[]): Quorum | undefined {
  const names = list.filter((_, index) => index % 2 === 0)
  const commas = list.filter((_, index) => index % 2 === 1)
  const wellFormed =
    list.length % 2 === 1 && commas.every((it) => it === ',') && !names.some((it) => /^[(),]$/.test(it))
  return wellFormed && wait >= 1 && Number.isSafeInteger(wait) ? { wait, names } : undefined
}

function tokens(setting: string): string[] | undefined {
  const found: string[] = []
  const text = setting.trim()
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    const match = token.exec(text)
    if (!match) return undefined
    const [, quoted, word, number, sign] = match
    found.push(quoted?.replaceAll('""', '"') ?? word ?? number ?? sign ?? '')
  }
  return found
}
