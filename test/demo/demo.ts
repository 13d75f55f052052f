/** `npm run demo`: a message store is sealed, the computer is lost, and everything comes back. */
import { tmpdir } from 'node:os'
import { show } from './show.ts'
import { story } from './story.ts'

process.exitCode = await show({
  tmp: tmpdir(),
  styled: process.stdout.isTTY && !process.env['NO_COLOR'],
  write: (text) => process.stdout.write(text),
  story,
})
