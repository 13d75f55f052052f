/** Paths on this computer from names that may be any bytes. */
import { join } from 'node:path'

/** What Node's file functions take. Bytes where the system has bytes; Windows has text. */
export type LocalPath = Buffer | string

/** `names` below `root`. Each is a name of one folder or file, made by safeName. */
export function below(root: string, names: readonly Buffer[]): LocalPath {
  if (process.platform === 'win32') return join(root, ...names.map((name) => name.toString('utf8')))
  return Buffer.concat([Buffer.from(root), ...names.flatMap((name) => [Buffer.from('/'), name])])
}

/** A path for people: what is not Unicode is replaced. */
export function shown(path: Buffer): string {
  return path.toString('utf8')
}
