/**
 * The recovery sheet: a PDF to print and keep, with the 64-digit key for eyes, for a camera, and as text inside it.
 * Reading it back is in recovery-sheet-reader.ts.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import fontkit from '@pdf-lib/fontkit'
import { PDFDocument } from 'pdf-lib'
import { writePrivateFile } from './private-file.ts'
import { drawSheet, pageSize } from './recovery-sheet-page.ts'
import { attachmentName, type SheetFacts, sheetText } from './recovery-sheet-text.ts'
import { wipe } from './secret.ts'

export type { SheetFacts } from './recovery-sheet-text.ts'

/** The fonts go into the PDF: the sheet must look the same on a computer that has none of them, in thirty years. */
export const fontFiles = {
  text: '@expo-google-fonts/ibm-plex-sans/400Regular/IBMPlexSans_400Regular.ttf',
  bold: '@expo-google-fonts/ibm-plex-sans/600SemiBold/IBMPlexSans_600SemiBold.ttf',
  digits: '@expo-google-fonts/jetbrains-mono/500Medium/JetBrainsMono_500Medium.ttf',
}

/** The sheet as a PDF file of one A4 page, some 50 kB. It contains the key: wipe the bytes after use. */
export async function makeRecoverySheet(facts: SheetFacts): Promise<Uint8Array> {
  const pdf = await PDFDocument.create({ updateMetadata: false })
  pdf.registerFontkit(fontkit)
  pdf.setTitle('Coffer recovery sheet', { showInWindowTitleBar: true })
  pdf.setCreator('Coffer')
  pdf.setCreationDate(facts.made)
  pdf.setLanguage('en')
  const [text, bold, digits] = await Promise.all(
    [fontFiles.text, fontFiles.bold, fontFiles.digits].map(async (name) => {
      const file = await readFile(fileURLToPath(import.meta.resolve(name)))
      // Without ligatures: what is copied from the page is then exactly what stands there.
      return pdf.embedFont(file, { subset: true, features: { liga: false, calt: false } })
    }),
  )
  if (!text || !bold || !digits) throw new Error('three fonts were asked for')
  drawSheet(pdf.addPage(pageSize), { text, bold, digits }, facts)
  const attachment = Buffer.from(sheetText(facts))
  await pdf.attach(attachment, attachmentName, {
    mimeType: 'text/plain',
    description: 'This sheet as text. It can be used as a key file.',
    creationDate: facts.made,
    modificationDate: facts.made,
  })
  try {
    return await pdf.save({ useObjectStreams: false })
  } finally {
    wipe(attachment)
  }
}

/**
 * Writes the sheet to a new file that only its owner can read. Gives file_exists rather than touch an existing file;
 * local_full, file_failed.
 */
export async function writeRecoverySheet(path: string, facts: SheetFacts): Promise<void> {
  const bytes = await makeRecoverySheet(facts)
  try {
    await writePrivateFile(path, bytes, 'file_exists')
  } finally {
    wipe(bytes)
  }
}
