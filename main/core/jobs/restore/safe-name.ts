/**
 * Which names a folder can hold, and what a file is called there instead. Paths in an archive are hostile: whoever
 * could write one must not reach outside the folder that a person chose.
 */
import { createHash } from 'node:crypto'

/** What the file system of a target can do. */
export interface NameRules {
  /** Windows' own rules for names: characters, device names, no dot or space at the end. */
  windows: boolean
  /** Names that are not valid UTF-8 can be kept as they are. */
  rawBytes: boolean
  /** `A` and `a` are the same name. */
  ignoresCase: boolean
  /** Composed and decomposed letters are the same name. */
  ignoresForm: boolean
}

/** Length of a name: bytes, or UTF-16 units on Windows. */
const maxName = 255

/**
 * The names along a path, or undefined for one that no honest archive holds: absolute, or with a name that is empty,
 * `.`, `..` or holds a NUL. Nothing is made of such a path.
 */
export function splitPath(path: Buffer): Buffer[] | undefined {
  const names: Buffer[] = []
  for (let start = 0; start <= path.length;) {
    const slash = path.indexOf(0x2f, start)
    const end = slash < 0 ? path.length : slash
    const name = path.subarray(start, end)
    const text = name.toString('latin1')
    if (text === '' || text === '.' || text === '..' || name.includes(0)) return undefined
    names.push(name)
    start = end + 1
  }
  return names
}

/** What a file of this name (one of splitPath) is called where `rules` hold: the same wherever that is possible. */
export function safeName(name: Buffer, rules: NameRules): Buffer {
  let text = name.toString('utf8')
  // Bytes that are no UTF-8 come back otherwise; where the target takes them, they stay as they are.
  if (!Buffer.from(text).equals(name) && rules.rawBytes) return name.length <= maxName ? name : shortened(name)
  if (rules.windows) text = windowsName(text)
  const bytes = Buffer.from(text)
  const length = rules.windows ? text.length : bytes.length
  return length <= maxName ? bytes : shortened(bytes)
}

const devices = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)$/i

function windowsName(text: string): string {
  const plain = text
    // Separators, drive letters and alternate streams among them.
    .replace(/[<>:"/\\|?*\u0000-\u001f]/g, '_')
    .replace(/[. ]+$/, (end) => '_'.repeat(end.length))
  // Windows takes `con.txt` and `con .txt` for the device as well.
  const stem = (plain.split('.')[0] ?? '').trimEnd()
  return devices.test(stem) ? `_${plain}` : plain
}

/** Cut to fit, with a hash of the whole name, so that two long names stay two; its ending is kept. */
function shortened(name: Buffer): Buffer {
  const dot = name.lastIndexOf(0x2e)
  const ending = dot > 0 && name.length - dot <= 16 ? name.subarray(dot) : Buffer.alloc(0)
  const mark = Buffer.from(`~${createHash('sha256').update(name).digest('hex').slice(0, 8)}`)
  const stem = name.subarray(0, maxName - mark.length - ending.length)
  // No letter is cut in two: back to where one begins, if these are letters.
  let end = stem.length
  while (end > stem.length - 4 && ((name[end] ?? 0) & 0xc0) === 0x80) end--
  return Buffer.concat([stem.subarray(0, end), mark, ending])
}

/** The `n`th other name of a file whose own is taken: ` (2)` before its ending. */
export function otherName(name: Buffer, n: number): Buffer {
  const mark = Buffer.from(` (${n})`)
  const dot = name.lastIndexOf(0x2e)
  const ending = dot > 0 && name.length - dot <= 16 ? name.subarray(dot) : Buffer.alloc(0)
  let stem = name.subarray(0, Math.min(name.length - ending.length, maxName - mark.length - ending.length))
  while (stem.length > 0 && stem.length < name.length - ending.length && ((name[stem.length] ?? 0) & 0xc0) === 0x80)
    stem = stem.subarray(0, -1)
  return Buffer.concat([stem, mark, ending])
}

/** The same for all names that a target takes for one another. */
export function foldName(name: Buffer, { ignoresCase, ignoresForm }: NameRules): string {
  if (!ignoresCase && !ignoresForm) return name.toString('latin1')
  let text = name.toString('utf8')
  if (ignoresForm) text = text.normalize('NFD')
  if (ignoresCase) text = text.toLowerCase()
  // Lowering may leave what normalising joins (and the other way round): İ.
  return ignoresForm ? text.normalize('NFD') : text
}
