/** What keystore-killed.test.ts kills: one thing done with a software keystore, saying on its output what is done. */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { createKeystore, openKeystore } from '../../vault/keystore/open-keystore.ts'

const [folder = '', job = ''] = process.argv.slice(2)
const spec = { kind: 'software' as const, file: join(folder, 'keys'), anchorFolder: folder }

if (job === 'create') await createKeystore(spec, 'a')
else {
  const keys = await openKeystore(spec, 'a')
  if (job === 'add') await keys.addEpoch()
  if (job === 'destroy') await keys.destroyEpoch(1)
  if (job === 'anchor')
    for (let place = 11; place <= 14; place++) {
      await keys.writeAnchor({ place, hash: Buffer.alloc(32, place) })
      writeSync(1, `${place}\n`)
    }
  await keys.close()
}
