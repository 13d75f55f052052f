/** A store on a disk and its archive, for vectors: backed up by the real job, with what must come back. */
import { createHash } from 'node:crypto'
import Database from 'better-sqlite3'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blobKind } from '../../main/core/archive/format/blob.ts'
import { encodeForgotten, type ForgottenRow } from '../../main/core/archive/format/forgotten-list.ts'
import { encodeRoot } from '../../main/core/archive/format/layer-root.ts'
import type { Manifest } from '../../main/core/archive/format/manifest.ts'
import { idBytes, manifestName, newPackId, packName } from '../../main/core/archive/format/names.ts'
import { PackBuilder, packCapacity } from '../../main/core/archive/format/pack.ts'
import { listManifests, readManifest } from '../../main/core/archive/read/read-manifests.ts'
import { sealManifest } from '../../main/core/archive/format/sealed-manifest.ts'
import { folderDestination } from '../../main/core/destinations/folder.ts'
import { backup } from '../../main/core/jobs/backup.ts'
import { createArchive } from '../../main/core/jobs/create.ts'
import { openSession, type Session } from '../../main/core/jobs/session.ts'
import { holdSecret, type Secret } from '../../main/core/keys/secret.ts'
import { openStore } from '../../main/core/stores/open-store.ts'
import { startWorker } from '../../main/engine/start-worker.ts'
import { filesBelow } from '../fixtures/files-below.ts'
import { quiet } from '../fixtures/job-options.ts'
import { digits, vectorKey, writeJson } from './write-vector.ts'

/** What a restored file must be. Paths are hexadecimal: some are no text. */
interface ExpectedFile {
  path: string
  size: number
  sha256: string
  /** Nanoseconds since 1970, as text; databases have none. */
  modified?: string
}

export class Workbench {
  readonly archive: string
  readonly database: string
  readonly #name: string
  readonly #out: string
  readonly #tmp: string
  readonly #store: string
  readonly #key: Buffer
  readonly #secret: Secret
  readonly #snapshots: { manifest: Manifest; files: ExpectedFile[] }[] = []
  #clock = Date.parse('2026-01-01T00:00:00Z')
  /** The kind of store looks for them beside the database by itself. */
  readonly #kindFindsMedia: boolean

  private constructor(out: string, name: string, database: string) {
    this.#name = name
    this.#out = join(out, name)
    this.archive = join(this.#out, 'archive')
    this.#tmp = mkdtempSync(join(tmpdir(), 'coffer-vectors-'))
    this.#store = join(this.#tmp, 'store')
    this.database = join(this.#store, database)
    this.#kindFindsMedia = database === 'msgstore.db'
    this.#key = vectorKey(name)
    this.#secret = holdSecret(Buffer.from(this.#key))
  }

  static async open(out: string, name: string, database: string): Promise<Workbench> {
    const bench = new Workbench(out, name, database)
    mkdirSync(bench.archive, { recursive: true })
    mkdirSync(join(bench.#store, 'Media'), { recursive: true })
    await createArchive({ destination: folderDestination(bench.archive), secret: bench.#secret })
    return bench
  }

  change(by: (db: Database.Database) => void, file?: string): void {
    const db = new Database(file === undefined ? this.database : join(this.#store, file))
    by(db)
    db.close()
  }

  media(name: string | Buffer, bytes: Buffer, modified = 1_700_000_000_000_000_000n): void {
    const path = this.#media(name)
    if (typeof name === 'string' && name.includes('/'))
      mkdirSync(join(this.#store, 'Media', name, '..'), { recursive: true })
    writeFileSync(path, bytes)
    // One second more each time: a file that changes has another time.
    const seconds = Number(modified / 1_000_000_000n) + (modified > 0n ? this.#snapshots.length : 0)
    utimesSync(path, new Date(seconds * 1000), new Date(seconds * 1000))
  }

  remove(name: string): void {
    unlinkSync(this.#media(name))
  }

  async backUp(): Promise<void> {
    this.#clock += 86_400_000
    await this.#withSession(async (session) => {
      const store = await openStore({
        path: this.database,
        media: this.#kindFindsMedia ? [] : [join(this.#store, 'Media')],
        tmp: join(this.#tmp, 'tmp'),
      })
      await backup(session, { ...quiet, store, takeOver: false })
      const name = (await listManifests(session)).at(-1)
      if (!name) throw new Error('no snapshot was made')
      this.#snapshots.push({ manifest: await readManifest(session, name), files: [...this.#content()] })
    })
  }

  /** Forgets the first `count` snapshots, and leaves what an interruption after that would leave. */
  async forget(count: number): Promise<void> {
    await this.#withSession(async (session) => {
      const gone = this.#snapshots.splice(0, count)
      const last = this.#snapshots.at(-1)
      if (!last) throw new Error('the newest snapshot cannot be forgotten')
      const rows = gone
        .map(({ manifest: { identity, predecessor } }): ForgottenRow => ({ identity, predecessor }))
        .sort((a, b) => (a.identity < b.identity ? -1 : 1))
      const [first, end] = [rows[0], rows.at(-1)]
      if (!first || !end) throw new Error('nothing to forget')
      const [id, buffer, entries] = [newPackId(), new ArrayBuffer(packCapacity), rows.length]
      const pack = new PackBuilder(session.archive, id, session.keys.blobs, buffer)
      const place = { ...pack.add(blobKind.forgotten, encodeForgotten(rows), Buffer.alloc(0)), pack: { id, size: 0 } }
      const root = pack.add(
        blobKind.root,
        encodeRoot(blobKind.forgotten, [
          { place, entries, first: idBytes(first.identity), last: idBytes(end.identity) },
        ]),
        Buffer.alloc(0),
      )
      const size = pack.finish().length
      await session.destination.put(packName(id), Buffer.from(buffer, 0, size))
      last.manifest = {
        ...last.manifest,
        revision: 2,
        forgotten: { count: entries, layers: [{ pack: id, size, ...root, entries }] },
      }
      await session.destination.put(manifestName(last.manifest), sealManifest(last.manifest, session.keys))
      for (const { manifest } of gone) await session.destination.delete(manifestName(manifest))
    })
  }

  /** Writes expected.json and clears up. */
  finish(note: string, warnings: string[] = []): void {
    writeJson(join(this.#out, 'expected.json'), {
      note,
      key: digits(this.#key),
      archive: this.#snapshots[0]?.manifest.archive,
      warnings,
      snapshots: this.#snapshots.map(({ manifest, files }) => {
        const { snapshot, seq, revision, identity, predecessor, createdAt, kind, chats, messages, newest } = manifest
        const layers = {
          databases: manifest.databases.map((db) => db.layers.length),
          files: manifest.files.layers.length,
        }
        return {
          snapshot,
          seq,
          revision,
          identity,
          predecessor,
          createdAt,
          kind,
          chats,
          messages,
          newest,
          layers,
          files,
        }
      }),
    })
    this.#secret.dispose()
    rmSync(this.#tmp, { recursive: true })
    // Empty folders and part files are nobody's.
    for (const name of readdirSync(this.archive, { recursive: true, encoding: 'utf8' }))
      if (name.includes('.part')) throw new Error(`something was left: ${this.#name} ${name}`)
  }

  async #withSession(work: (session: Session) => Promise<void>): Promise<void> {
    const session = await openSession({
      destination: folderDestination(this.archive),
      secret: this.#secret,
      home: join(this.#tmp, 'home'),
      now: () => new Date(this.#clock),
      startWorker,
    })
    try {
      await work(session)
    } finally {
      session.close()
    }
  }

  #media(name: string | Buffer): Buffer {
    return Buffer.concat([Buffer.from(`${this.#store}/Media/`), Buffer.from(name)])
  }

  /** Databases first, then files in the order of their paths. */
  *#content(): Generator<ExpectedFile> {
    for (const name of readdirSync(this.#store))
      if (name.endsWith('.db')) yield describe(Buffer.from(name), Buffer.from(join(this.#store, name)))
    for (const { name, full } of filesBelow(join(this.#store, 'Media'))) {
      const { mtimeNs } = statSync(full, { bigint: true })
      yield { ...describe(Buffer.from(`Media/${name}`, 'latin1'), full), modified: String(mtimeNs) }
    }
  }
}

function describe(path: Buffer, full: Buffer): ExpectedFile {
  const bytes = readFileSync(full)
  return { path: path.toString('hex'), size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** Adds rows of text. */
export function fill(db: Database.Database, count: number, into = 'message (text)'): void {
  const insert = db.prepare(`insert into ${into} values (?)`)
  db.transaction(() => {
    for (let i = 0; i < count; i++) insert.run(`Line ${i} says ${'so and '.repeat(i % 7)}so.`)
  })()
}
