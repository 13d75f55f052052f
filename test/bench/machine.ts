/** What the figures were made on, so that a reader can compare; nothing that tells whose it is. */
import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import type { Tool } from './tool.ts'

/** `2 cores, 24 GiB, Debian GNU/Linux 12, Node 24.21.0, restic 0.14.0` */
export function describeMachine(tools: readonly Tool[]): string {
  const parts = [
    `${availableParallelism()} cores`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system(),
    `Node ${process.versions.node}`,
    ...tools.filter(({ name }) => name !== 'coffer').map(({ version }) => version),
  ]
  return parts.join(', ')
}

function system(): string {
  try {
    const name = /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
    return name?.replace(/ \(.*\)$/, '') ?? process.platform
  } catch {
    return process.platform
  }
}
