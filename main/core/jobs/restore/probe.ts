/** Finding out what names a target can hold, by trying: a memory stick under Linux has Windows' rules. */
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { NameRules } from './safe-name.ts'

/** Tries in `folder`, which is ours and is deleted later. */
export function probeRules(folder: string): NameRules {
  // Never tried there: a colon would make an alternate stream.
  if (process.platform === 'win32') return { windows: true, rawBytes: false, ignoresCase: true, ignoresForm: false }
  make(join(folder, 'probe-case'))
  make(join(folder, 'probe-form-\u00e9'))
  const raw = Buffer.concat([Buffer.from(join(folder, 'probe-raw-')), Buffer.from([0xff])])
  return {
    windows: !make(join(folder, 'probe-:?"<>|*\\ .')),
    rawBytes: make(raw),
    ignoresCase: existsSync(join(folder, 'PROBE-CASE')),
    ignoresForm: existsSync(join(folder, 'probe-form-e\u0301')),
  }
}

function make(path: string | Buffer): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600))
    return existsSync(path)
  } catch {
    return false
  }
}
