/** What happens in the demonstration, step by step; every step is done by the real command line. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { amount, bytes, number } from '../../main/cli/words.ts'
import { MadeUpStore } from './made-up-store.ts'
import { type Answer, coffer, type Computer } from './run-coffer.ts'
import { compareFolders } from './same-files.ts'
import { searchFolder } from './search.ts'

/** One line of the story. */
export interface Told {
  title: string
  text: string
  /** How long Coffer needed, from start to end. */
  seconds?: number
}

/** The story did not end well; the message is for the person who watches. */
export class BadEnding extends Error {}

/** Tells each step once it is done. Everything happens below `folder`. Throws BadEnding when something is not as it must be. */
export async function* story(folder: string): AsyncGenerator<Told, void> {
  const cloud = join(folder, 'cloud')
  const keyFile = join(folder, 'computer', 'key.txt')
  const computer = { home: join(folder, 'computer', 'remembered') }
  const store = new MadeUpStore(join(folder, 'computer', 'WhatsApp'))

  const made = store.begin()
  const before = await inspect(computer, store.database)
  const whole = searchFolder(store.folder, [])
  yield {
    title: 'A message store',
    text: `${number(before.messages)} messages in ${amount(before.chats, 'chat')}, ${amount(made.media.length, 'file')}: ${bytes(whole.bytes)}`,
  }

  must(await coffer(computer, ['init', cloud, '--key-out', keyFile, '--no-keychain']))
  // A person would print the sheet or write them down: a first line of 64 digits.
  const digits = readFileSync(keyFile, 'utf8').split('\n', 1)[0] ?? ''
  yield { title: 'A key', text: '64 digits, written on paper; and an empty folder in a cloud' }

  const seal = ['backup', store.database, cloud, '--key-file', keyFile]
  const first = must(await coffer(computer, seal))
  const { uploaded } = first.json as Backup
  yield {
    title: 'First backup',
    text: `${bytes(uploaded.bytes)}, sealed, in ${amount(uploaded.objects, 'file')}`,
    seconds: first.seconds,
  }

  const day = store.liveOn()
  yield {
    title: 'A day goes by',
    text: `${amount(day.messages, 'message')} and ${amount(day.media.length, 'file')} more`,
  }

  const second = must(await coffer(computer, seal))
  const { databases, uploaded: added } = second.json as Backup
  const { changed = 0, pages = 0 } = databases[0] ?? {}
  yield {
    title: 'Second backup',
    text: `${bytes(added.bytes)}: ${number(changed)} of ${number(pages)} pages, and the new files`,
    seconds: second.seconds,
  }

  yield whatTheCloudSees(store, cloud)
  const after = await inspect(computer, store.database)

  rmSync(keyFile)
  rmSync(computer.home, { recursive: true })
  yield { title: 'The computer is lost', text: 'and with it the key file and all that Coffer knew' }

  const elsewhere = join(folder, 'another computer')
  mkdirSync(elsewhere)
  const another = { home: join(elsewhere, 'remembered') }
  const target = join(elsewhere, 'restored')
  yield await oneDigitWrong(another, cloud, target, digits)

  const restored = must(await coffer({ ...another, digits }, ['restore', cloud, target]))
  const back = await inspect(another, join(target, 'msgstore.db'))
  yield {
    title: 'Another computer',
    text: `from 64 digits: ${number(back.messages)} messages in ${amount(back.chats, 'chat')}`,
    seconds: restored.seconds,
  }

  const { files, bytes: compared, differences } = compareFolders(store.folder, target)
  if (differences.length > 0)
    throw new BadEnding(`Not everything came back as it was. ${differences.slice(0, 3).join(' ')}`)
  if (back.messages !== after.messages || back.messages !== before.messages + day.messages)
    throw new BadEnding(`There are ${number(back.messages)} messages now; there were ${number(after.messages)}.`)
  yield { title: 'Compared', text: `${amount(files, 'file')}, ${bytes(compared)}: no byte is different` }
}

/** Parts of the results that docs/CLI.md promises. */
interface Backup {
  databases: { pages: number; changed: number }[]
  uploaded: { bytes: number; objects: number }
}
interface Inspection {
  chats: number
  messages: number
}

async function inspect(computer: Computer, database: string): Promise<Inspection> {
  return must(await coffer(computer, ['inspect', database])).json as Inspection
}

/** Searches the archive as its keeper could; the same search in the store shows that it finds what is there. */
function whatTheCloudSees(store: MadeUpStore, cloud: string): Told {
  const secrets = store.secrets()
  const [here, there] = [searchFolder(store.folder, secrets), searchFolder(cloud, secrets)]
  if (here.words < secrets.length) throw new BadEnding('The search does not find what is in the store.')
  if (there.words > 0) throw new BadEnding(`The archive shows ${amount(there.words, 'word')} of the store.`)
  return {
    title: 'What the cloud sees',
    text: `${amount(there.objects, 'file')}, ${bytes(there.bytes)}; of ${number(secrets.length)} texts, numbers and names none`,
  }
}

async function oneDigitWrong(another: Computer, cloud: string, target: string, digits: string): Promise<Told> {
  const wrong = digits.slice(0, -1) + (digits.endsWith('7') ? '8' : '7')
  const { exit, seconds } = await coffer({ ...another, digits: wrong }, ['restore', cloud, target])
  if (exit !== 3) throw new BadEnding('A wrong key was not refused.')
  return { title: 'One digit wrong', text: 'refused at once, before anything is downloaded', seconds }
}

function must(answer: Answer): Answer {
  if (answer.exit === 0) return answer
  throw new BadEnding(`Coffer said: ${JSON.stringify(answer.json)}`)
}
