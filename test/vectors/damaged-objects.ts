/** Archives of which objects were changed, cut, exchanged or removed by someone without the key. */
import { manifestName } from '../../main/core/archive/format/names.ts'
import {
  bytesOf,
  flip,
  type InvalidArchive,
  objectsIn,
  onlyObject,
  putBytes,
  soundArchive,
  store,
} from './invalid-archive.ts'
import { TinyArchive } from '../fixtures/tiny-archive.ts'
import { vectorKey } from './write-vector.ts'

export function damagedObjects(): InvalidArchive[] {
  return [...damagedManifests(), ...damagedPacks()]
}

type Damage = Omit<InvalidArchive, 'archive' | 'object'> & {
  folder: 'packs' | 'snapshots'
  /** Damages the archive. If what must be named is not the object of the folder, gives that name. */
  damage: (archive: TinyArchive, object: string) => unknown
}

function damaged({ folder, damage, ...rest }: Damage): InvalidArchive {
  const archive = soundArchive(rest.name)
  const object = onlyObject(archive, folder)
  const other = damage(archive, object)
  return { ...rest, archive, object: typeof other === 'string' ? other : object }
}

function damagedManifests(): InvalidArchive[] {
  const altered = { folder: 'snapshots', error: 'manifest_altered' } as const
  return [
    damaged({
      ...altered,
      name: 'manifest-altered',
      note: 'One bit of the manifest is another.',
      damage: (archive, object) => flip(archive, object, 2000),
    }),
    damaged({
      ...altered,
      name: 'manifest-cut',
      note: 'The manifest ends early.',
      damage: (archive, object) => putBytes(archive, object, bytesOf(archive, object).subarray(0, -20)),
    }),
    damaged({
      ...altered,
      name: 'manifest-continued',
      note: 'There are bytes after the manifest’s end.',
      damage: (archive, object) =>
        putBytes(archive, object, Buffer.concat([bytesOf(archive, object), Buffer.alloc(17)])),
    }),
    damaged({
      ...altered,
      name: 'manifest-renamed',
      note: 'The manifest lies under a greater number, to pass for a newer one.',
      damage: (archive, object) => {
        const other = object.replace('00000001', '00000002')
        putBytes(archive, other, bytesOf(archive, object))
        archive.destination.objects.delete(object)
        return other
      },
    }),
    damaged({
      ...altered,
      name: 'manifest-of-another-archive',
      note: 'The manifest is that of another archive with the same key, under its own name.',
      damage: (archive, object) => {
        const other = new TinyArchive({ key: archive.key })
        const [manifest] = archive.manifests
        if (!manifest) throw new Error('no manifest')
        // The same description in all but the archive.
        const made = other.putManifest({ ...manifest, archive: other.archive })
        putBytes(archive, object, bytesOf(other, manifestName(made)))
      },
    }),
    damaged({
      ...altered,
      name: 'manifest-empty',
      note: 'The manifest has no bytes.',
      damage: (archive, object) => putBytes(archive, object, Buffer.alloc(0)),
    }),
    brokenChain(),
    strayObject(),
  ]
}

function damagedPacks(): InvalidArchive[] {
  const pack = { folder: 'packs', error: 'pack_altered' } as const
  return [
    damaged({
      folder: 'packs',
      error: 'pack_missing',
      name: 'pack-missing',
      note: 'The pack is gone.',
      damage: (archive, object) => archive.destination.objects.delete(object),
    }),
    damaged({
      folder: 'packs',
      error: 'pack_truncated',
      name: 'pack-truncated',
      note: 'The pack ends after 100 bytes.',
      damage: (archive, object) => putBytes(archive, object, bytesOf(archive, object).subarray(0, 100)),
    }),
    damaged({
      ...pack,
      name: 'pack-altered',
      note: 'One bit of the first blob is another.',
      damage: (archive, object) => flip(archive, object, 30),
    }),
    damaged({
      ...pack,
      name: 'pack-nonce-altered',
      note: 'One bit of the first blob’s nonce is another.',
      damage: (archive, object) => flip(archive, object, 0),
    }),
    damaged({
      ...pack,
      name: 'pack-tag-altered',
      note: 'One bit of the sealed index’s tag is another; only verifying reads it.',
      found: 'verify',
      damage: (archive, object) => flip(archive, object, -17),
    }),
    damaged({
      ...pack,
      name: 'pack-trailer-altered',
      note: 'One bit of the trailer is another; only verifying reads it.',
      found: 'verify',
      damage: (archive, object) => flip(archive, object, -16),
    }),
    damaged({
      folder: 'packs',
      error: 'pack_truncated',
      name: 'pack-longer',
      note: 'There is a byte after the pack’s end; only verifying looks.',
      found: 'verify',
      damage: (archive, object) =>
        putBytes(archive, object, Buffer.concat([bytesOf(archive, object), Buffer.alloc(1)])),
    }),
    swappedPacks(),
    packOfAnotherArchive(),
  ]
}

function swappedPacks(): InvalidArchive {
  const archive = soundArchive('packs-swapped')
  archive.add(store('more'))
  const [one, two] = objectsIn(archive, 'packs')
  if (!one || !two) throw new Error('two packs were expected')
  const [first, second] = [bytesOf(archive, one), bytesOf(archive, two)]
  putBytes(archive, one, second)
  putBytes(archive, two, first)
  return {
    name: 'packs-swapped',
    note: 'Two packs of the archive have changed places. The first that is read is the newer one.',
    archive,
    error: 'pack_altered',
    object: two,
  }
}

function packOfAnotherArchive(): InvalidArchive {
  const archive = soundArchive('pack-of-another-archive')
  const other = new TinyArchive({ key: archive.key })
  other.add(store('pack-of-another-archive'))
  const object = onlyObject(archive, 'packs')
  putBytes(archive, object, bytesOf(other, onlyObject(other, 'packs')))
  return {
    name: 'pack-of-another-archive',
    note: 'The pack is that of another archive with the same key and content.',
    archive,
    error: 'pack_altered',
    object,
  }
}

function brokenChain(): InvalidArchive {
  const archive = soundArchive('chain-broken')
  const [first] = objectsIn(archive, 'snapshots')
  archive.add(store('more'))
  const last = objectsIn(archive, 'snapshots').find((name) => name !== first)
  if (!first || !last) throw new Error('two snapshots were expected')
  archive.destination.objects.delete(first)
  return {
    name: 'chain-broken',
    note: 'The first of two snapshots was removed, and no forgotten list says so. The second can be restored.',
    archive,
    found: 'verify',
    error: 'chain_broken',
    object: last,
  }
}

function strayObject(): InvalidArchive {
  const archive = new TinyArchive({ key: vectorKey('stray-object') })
  archive.add(store('stray-object'))
  putBytes(archive, 'packs/0123', Buffer.from('not a pack'))
  return {
    name: 'stray-object',
    note: 'An object whose name is no pack’s. It does no harm.',
    archive,
    found: 'verify',
    error: 'unknown_object',
    object: 'packs/0123',
  }
}
