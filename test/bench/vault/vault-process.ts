/** A vault in a process of its own, as its operator would start it. */
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface VaultProcess {
  address: string
  /** base64url. */
  fingerprint: string
  pid: number
}

/** Any other command, to its end. */
export async function runVault(data: string, args: readonly string[], env: Record<string, string>): Promise<void> {
  execFileSync(process.execPath, [program, '--data', data, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  })
}

/** What a process holds of the machine's memory. */
export function residentBytes(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) * 1024
}

const program = join(import.meta.dirname, '..', '..', '..', 'dist', 'coffer-vault.js')

export async function startVaultProcess(
  data: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: Record<string, string> } = {},
): Promise<VaultProcess & { stop: () => Promise<void> }> {
  const child = spawn(
    process.execPath,
    [program, '--data', data, 'serve', '--listen', '127.0.0.1:0', '--waits', 'off', '--limit', '0', ...args],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } },
  )
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  for await (const line of createInterface({ input: child.stdout })) {
    const found = /(http:\/\/\S+)#(\S+)/.exec(line)
    if (!found?.[1] || !found[2]) continue
    child.stdout.resume()
    return {
      address: found[1],
      fingerprint: found[2],
      pid: child.pid ?? 0,
      stop: () => {
        child.kill('SIGTERM')
        return ended
      },
    }
  }
  throw new Error('the vault did not start')
}
