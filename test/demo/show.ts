/** Tells the story on a terminal, tidies up, and says how it ended. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BadEnding, type Told } from './story.ts'

export interface Stage {
  /** Where a folder for everything is made; it is gone at the end. */
  tmp: string
  /** Bold titles and grey times: for a terminal that a person looks at. */
  styled: boolean
  write: (text: string) => void
  story: (folder: string) => AsyncIterable<Told>
}

const titleWidth = 22
const textWidth = 55

/** The exit code: 0 when everything came back, 1 with a clear line when not. Any other failure is thrown. */
export async function show({ tmp, styled, write, story }: Stage): Promise<number> {
  const style = (code: number, text: string): string => (styled ? `\u001b[${code}m${text}\u001b[0m` : text)
  const [bold, grey] = [(text: string) => style(1, text), (text: string) => style(90, text)]
  const folder = mkdtempSync(join(tmp, 'coffer-demo-'))
  // Ctrl-C ends the programs that run as well; what they leave is all in here.
  const tidy = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  const stopped = (): void => {
    tidy()
    process.exit(130)
  }
  process.once('SIGINT', stopped)
  try {
    write('\n  Coffer seals a message store, loses the computer, and brings it all back.\n')
    write(grey('  Everything here is made up, and gone afterwards.\n\n'))
    for await (const { title, text, seconds } of story(folder)) {
      const time = seconds === undefined ? '' : grey(`${seconds.toFixed(1)} s`)
      const line = `  ${bold(title.padEnd(titleWidth))}${time === '' ? text : `${text.padEnd(textWidth)} `}${time}`
      write(`${line}\n`)
    }
    write(`\n  ${bold('Every message came back, byte for byte.')}\n\n`)
    return 0
  } catch (error) {
    if (!(error instanceof BadEnding)) throw error
    write(`\n  ${error.message}\n\n`)
    return 1
  } finally {
    process.off('SIGINT', stopped)
    tidy()
  }
}
