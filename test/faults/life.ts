/**
 * A stretch of an archive's life on one computer: days pass, commands are run as a person runs them, some of them are
 * ended by force, and after each it is told whether all is as it must be.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type PackId, parsePackName } from '../../main/core/archive/format/names.ts'
import { folderDestination } from '../../main/core/destinations/folder.ts'
import type { Session } from '../../main/core/jobs/session.ts'
import { makeMedia } from '../fixtures/make-media.ts'
import { addDay, makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import type { Random } from '../fixtures/random.ts'
import { type Ended, newPerson, type Person } from '../integration/command-line.ts'
import { asBystander, type Digests } from './bystander.ts'
import { filesBelow } from '../fixtures/files-below.ts'
import { contentBelow } from './content-below.ts'
import type { Strike } from './strike.ts'

const strikeFile = pathToFileURL(join(import.meta.dirname, 'strike.ts')).href
const storeName = 'msgstore.db'

export interface LifeShape {
  messages: number
  /** Of media, at all times; a part of them is replaced each day. */
  files: number
  bytes: number
}

export class Life {
  readonly person: Person
  /** What each snapshot must give, by its id: those that a command has told of. */
  readonly told = new Map<string, Digests>()
  readonly #random: Random
  readonly #shape: LifeShape

  constructor(random: Random, shape: LifeShape) {
    this.person = newPerson()
    this.#random = random
    this.#shape = shape
    mkdirSync(this.at('phone'))
    const { media } = makeWhatsAppAndroid(this.at('phone', storeName), {
      messages: shape.messages,
      media: { files: shape.files, bytes: shape.bytes },
      seed: random.bits(),
    })
    makeMedia(this.at('phone'), media, random.bits())
  }

  at(...path: string[]): string {
    return join(this.person.folder, ...path)
  }
  get key(): { file: string } {
    return { file: this.at('key.txt') }
  }

  /** Runs a command on the archive with its key; `strike` as strike.ts has it. */
  start(args: readonly string[], strike?: Strike): ReturnType<Person['start']> {
    return this.person.start([...args, '--key-file', 'key.txt', '--json'], strike && struckBy(strike))
  }
  run(args: readonly string[], strike?: Strike): Promise<Ended> {
    return this.start(args, strike).ended
  }

  /** The moments for a strike that a command has, by name, and how long it takes, ms; it is run for it. */
  async measure(args: readonly string[]): Promise<{ ended: Ended; calls: string[]; ms: number }> {
    const report = this.at('calls.json')
    const since = performance.now()
    const ended = await this.run(args, { report })
    const ms = performance.now() - since
    const calls = JSON.parse(readFileSync(report, 'utf8')) as string[]
    rmSync(report)
    return { ended, calls, ms }
  }

  /** A day: messages, new media, and about `share` of the old media deleted. */
  day(share = 0.3): void {
    for (const { full } of filesBelow(this.at('phone', 'Media'))) if (this.#random.chance(share)) rmSync(full)
    const { files, bytes, messages } = this.#shape
    const { media } = addDay(this.at('phone', storeName), {
      messages: Math.ceil(messages / 20),
      media: { files: Math.ceil(files * share), bytes: Math.ceil(bytes * share) },
      seed: this.#random.bits(),
    })
    makeMedia(this.at('phone'), media, this.#random.bits())
  }

  /** What a restore of the store as it is now must give. */
  content(): Digests {
    return contentBelow(this.at('phone'))
  }

  look<T>(look: (session: Session) => Promise<T>): Promise<T> {
    return asBystander(folderDestination(this.at('archive')), this.key, look)
  }

  /** The packs that are there, and how long each is. */
  packs(): Map<PackId, number> {
    const folder = this.at('archive', 'packs')
    if (!existsSync(folder)) return new Map()
    return new Map(
      readdirSync(folder).flatMap((name) => {
        const id = parsePackName(`packs/${name}`)
        return id === undefined ? [] : [[id, statSync(join(folder, name)).size]]
      }),
    )
  }

  /** Whatever lies where nothing may lie once no command runs: part files, private copies, strangers in the owner's folder. */
  litter(): string[] {
    const expected = new Set([storeName, 'Media'])
    const archive = readdirSync(this.at('archive'), { recursive: true, encoding: 'utf8' })
    const tmp = this.at('home', 'tmp')
    const archives = this.at('home', 'archives')
    return [
      ...archive
        .filter(
          (path) =>
            !/^(coffer\.json|coffer\.previous\.json|packs|snapshots|packs\/[0-9a-f]{32}|snapshots\/[^/.]+\.\d+)$/.test(
              path,
            ),
        )
        .map((path) => `archive/${path}`),
      ...(existsSync(tmp) ? readdirSync(tmp) : []).map((name) => `home/tmp/${name}`),
      ...(existsSync(archives) ? readdirSync(archives, { recursive: true, encoding: 'utf8' }) : [])
        .filter((path) => !/^[0-9a-f]{32}(\/(cache\.db|memory\.json))?$/.test(path))
        .map((path) => `home/archives/${path}`),
      ...readdirSync(this.at('phone'))
        .filter((name) => !expected.has(name))
        .map((name) => `phone/${name}`),
    ]
  }

  leave(): void {
    this.person.leave()
  }
}

/** The environment of a process that is to be struck. */
export function struckBy(strike: Strike): Record<string, string> {
  return { NODE_OPTIONS: `--import=${strikeFile}`, COFFER_STRIKE: JSON.stringify(strike) }
}
