/** What a salvaging restore does with a file of which a part is lost: the rest is kept under a name that says so. */
import { renameSync } from 'node:fs'
import { localFailure } from '../../archive/read/local-failure.ts'
import { below, shown } from './local-path.ts'
import { joined } from './name-plan.ts'
import { look } from './occupied.ts'
import { otherName, safeName } from './safe-name.ts'
import type { Staging } from './staging.ts'

/**
 * Renames a damaged file, zeros where it is damaged, to `<name>.damaged`, or the next name that is free both here
 * and in the target. Nobody takes it for the file it was: not its owner, and not the next backup. Returns its path.
 */
export function keepDamaged({ files, target, rules }: Staging, names: readonly Buffer[]): string {
  const parents = names.slice(0, -1)
  const wanted = safeName(Buffer.concat([names.at(-1) ?? Buffer.alloc(0), Buffer.from('.damaged')]), rules)
  let name = wanted
  for (let n = 2; look(below(files, [...parents, name])) ?? look(below(target, [...parents, name])); n++)
    name = otherName(wanted, n)
  try {
    renameSync(below(files, names), below(files, [...parents, name]))
  } catch (error) {
    throw localFailure(error, shown(joined(names)))
  }
  return shown(joined([...parents, name]))
}
