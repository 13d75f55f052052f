/** The key file: the 64 digits as text, for people without a keychain and for scripts. */
import { readPrivateFile, writePrivateFile } from './private-file.ts'
import { readRecoverySheet } from './recovery-sheet-reader.ts'
import { type Secret, wipe } from './secret.ts'
import { type ReadKey, readKey, showDigits } from './sixty-four-digits.ts'

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
  const { bytes, openToOthers } = await readPrivateFile(path)
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
