/** The key file: the 64 digits as text, for people without a keychain and for scripts. */
import { open } from 'node:fs/promises'
import { CofferError } from '../../../contract/errors.ts'
import { systemCode, writePrivateFile } from './private-file.ts'
import { readRecoverySheet } from './recovery-sheet-reader.ts'
import { type Secret, wipe } from './secret.ts'
import { type ReadKey, readKey, showDigits } from './sixty-four-digits.ts'

/** Key files have a few hundred bytes; a recovery sheet, which may be given instead, some ten thousand. */
const maxFile = 1024 * 1024

/** A key that was read from a file. The caller disposes of the key. */
export interface FileKey extends ReadKey {
  /** Others on this computer may read the file: people should be told to make it private. Not known on Windows. */
  openToOthers: boolean
}

/**
 * Writes the key to a new file that only its owner can read: the digits in the first line, a remark that names the
 * archive in the second. Gives key_file_exists rather than touch an existing file; local_full, file_failed.
 */
export async function writeKeyFile(path: string, key: Secret, archiveId: string): Promise<void> {
  const remark = `# The 64-digit key of the Coffer archive ${archiveId}. Whoever has it can read the messages.`
  const bytes = Buffer.from(`${showDigits(key)}\n${remark}\n`)
  try {
    await writePrivateFile(path, bytes, 'key_file_exists')
  } finally {
    wipe(bytes)
  }
}

/**
 * Reads a key file, or a recovery sheet (PDF) given in its place. Anything that can be read as a file will do, such
 * as a pipe from a password manager. Gives key_malformed as `readKey` does, and file_failed.
 */
export async function readKeyFile(path: string): Promise<FileKey> {
  const { bytes, openToOthers } = await readPrivate(path)
  try {
    return { ...readContent(bytes), openToOthers }
  } finally {
    wipe(bytes)
  }
}

function readContent(bytes: Buffer): ReadKey {
  if (bytes.subarray(0, 5).toString('latin1') === '%PDF-') return readRecoverySheet(bytes)
  // Notepad on Windows used to save text as UTF-16.
  const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe
  return readKey(bytes.toString(utf16 ? 'utf16le' : 'utf8'))
}

async function readPrivate(path: string): Promise<{ bytes: Buffer; openToOthers: boolean }> {
  const room = Buffer.from(new ArrayBuffer(maxFile + 1))
  try {
    const file = await open(path, 'r')
    try {
      const { mode, isFile } = await file.stat().then((found) => ({ mode: found.mode, isFile: found.isFile() }))
      let length = 0
      while (length < room.length) {
        const { bytesRead } = await file.read(room, length, room.length - length, null)
        if (bytesRead === 0) break
        length += bytesRead
      }
      if (length > maxFile)
        throw new CofferError('key_malformed', {
          fault: 'too_long',
          reason: 'This file is far too long to be a key file.',
          path,
        })
      return {
        bytes: room.subarray(0, length),
        openToOthers: process.platform !== 'win32' && isFile && (mode & 0o077) !== 0,
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    wipe(room)
    const code = systemCode(error)
    throw code === undefined ? error : new CofferError('file_failed', { path, reason: code })
  }
}
