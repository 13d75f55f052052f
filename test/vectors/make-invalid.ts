/**
 * Archives that must be refused, each with the error it must give. Damage is done to a sound archive; what only someone
 * with the key could forge is put together from the format's parts.
 */
import { join } from 'node:path'
import { digits, writeJson, writeObjects } from './write-vector.ts'
import { forgedLists } from './forged-lists.ts'
import { forgedManifests } from './forged-manifests.ts'
import { forgedMaps } from './forged-maps.ts'
import { damagedHeaders } from './damaged-headers.ts'
import { damagedObjects } from './damaged-objects.ts'

export function makeInvalid(folder: string): void {
  const all = [...damagedHeaders(), ...damagedObjects(), ...forgedManifests(), ...forgedMaps(), ...forgedLists()]
  for (const { name, note, archive, key, found = 'restore', error, object = null } of all) {
    const place = join(folder, 'invalid', name)
    writeObjects(
      join(place, 'archive'),
      [...archive.destination.objects].map(([path, { bytes }]) => [path, bytes]),
    )
    writeJson(join(place, 'expected.json'), { note, key: digits(key ?? archive.key), found, error, object })
  }
  if (new Set(all.map(({ name }) => name)).size !== all.length) throw new Error('two of one name')
}
