/**
 * Runs inside a mount namespace of its own (destination-disk.test.ts starts it): puts an archive on a disk of 2 MB,
 * fills it, makes it read-only, takes it away, and prints what the destination said each time, as JSON.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CofferError } from '../../contract/errors.ts'
import { folderDestination } from '../../main/core/destinations/folder.ts'

const disk = process.argv[2]
if (disk === undefined) throw new Error('the folder to mount on is missing')
const mount = (...args: string[]): unknown => execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'inherit'] })

async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    const value = await promise
    return value instanceof Uint8Array ? value.byteLength : (value ?? 'fine')
  } catch (error) {
    if (error instanceof CofferError) return { code: error.code, ...error.detail }
    throw error
  }
}
async function listed(): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of folder.list('packs')) names.push(name)
  return names.toSorted()
}

mount('-t', 'tmpfs', '-o', 'size=2m,mode=700', 'coffer', disk)
const folder = folderDestination(disk)
const megabyte = new Uint8Array(1 << 20).fill(7)
const result: Record<string, unknown> = {}
result['fits'] = await outcome(folder.put('packs/a1', megabyte))
result['full'] = await outcome(folder.put('packs/a2', new Uint8Array(2 << 20)))
result['afterFull'] = { seen: readdirSync(join(disk, 'packs')), a1: await outcome(folder.get('packs/a1')) }
writeFileSync(join(disk, 'ballast'), new Uint8Array(100_000))
rmSync(join(disk, 'ballast'))
result['fitsAgain'] = await outcome(folder.put('packs/a3', new Uint8Array(500_000)))
mount('-o', 'remount,ro', disk)
result['readOnly'] = {
  put: await outcome(folder.put('packs/a4', megabyte)),
  delete: await outcome(folder.delete('packs/a1')),
  get: await outcome(folder.get('packs/a1')),
}
result['clockWhenReadOnly'] = Math.abs((await folder.now()).getTime() - Date.now()) < 60_000
result['listed'] = await listed()
execFileSync('umount', ['-l', disk])
result['gone'] = {
  list: await outcome(listed()),
  get: await outcome(folder.get('packs/a1')),
  put: await outcome(folder.put('packs/a5', megabyte)),
  delete: await outcome(folder.delete('packs/a1')),
}
result['leftInMountPoint'] = readdirSync(disk)
process.stdout.write(JSON.stringify(result))
