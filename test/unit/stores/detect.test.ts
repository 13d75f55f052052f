import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { detectStores } from '../../../main/core/stores/detect.ts'
import { openStore } from '../../../main/core/stores/open-store.ts'
import { makeBeeper, makeIMessage, makeWhatsAppApple } from '../../fixtures/make-small-stores.ts'
import { makeWhatsAppAndroid } from '../../fixtures/make-whatsapp-android.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { stateOf } from './pages.ts'

function at(home: string, path: string): string {
  const full = join(home, path)
  mkdirSync(dirname(full), { recursive: true })
  return full
}

const noise = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 151 + 7) & 0xff))

describe('the stores on a computer', () => {
  it('are found on a Mac, readable and not, each explained', async () => {
    const home = temporaryFolder()
    makeWhatsAppApple(at(home, 'Library/Group Containers/group.net.whatsapp.WhatsApp.shared/ChatStorage.sqlite'))
    makeIMessage(at(home, 'Library/Messages/chat.db'))
    makeBeeper(at(home, 'Library/Application Support/BeeperTexts/index.db'))
    makeWhatsAppAndroid(at(home, 'Downloads/msgstore.db'), { messages: 50 })
    writeFileSync(at(home, 'Library/Application Support/Signal/sql/db.sqlite'), noise)
    writeFileSync(at(home, 'Library/Application Support/Signal/config.json'), '{}')
    writeFileSync(at(home, 'Library/Application Support/Telegram Desktop/tdata/key_datas'), 'TDF$')
    const found = await detectStores({ home, platform: 'darwin', env: {} })
    expect(found.map(({ kind, label, readable }) => [kind, label, readable])).toEqual([
      ['whatsapp-android', 'WhatsApp (Android)', true],
      ['whatsapp-apple', 'WhatsApp (macOS, iPhone)', true],
      ['imessage', 'Messages (iMessage, SMS)', true],
      ['beeper', 'Beeper', true],
      ['unsupported', 'Signal Desktop', false],
      ['unsupported', 'Telegram', false],
    ])
    for (const { readable, why } of found) {
      if (readable) continue
      expect(why?.code).toBe('store_unsupported')
      expect(why?.say).toMatch(/\.$/)
      expect(why?.next).toMatch(/\.$/)
    }
  })

  it('are found on Linux and Windows where their variables say', async () => {
    const home = temporaryFolder()
    makeBeeper(at(home, 'conf/BeeperTexts/index.db'))
    const linux = await detectStores({ home, platform: 'linux', env: { XDG_CONFIG_HOME: join(home, 'conf') } })
    expect(linux.map(({ kind }) => kind)).toEqual(['beeper'])
    writeFileSync(at(home, 'local/Packages/5319275A.WhatsAppDesktop_cv1g1gvanyjgm/LocalState/messages.db'), noise)
    writeFileSync(at(home, 'Downloads/msgstore.db.crypt15'), noise)
    const windows = await detectStores({
      home,
      platform: 'win32',
      env: { APPDATA: join(home, 'conf'), LOCALAPPDATA: join(home, 'local') },
    })
    expect(windows.map(({ label }) => label)).toEqual(['Beeper', 'WhatsApp for Windows', 'WhatsApp’s encrypted backup'])
  })

  it('that are empty or broken are listed with the reason, and a store is listed once', async () => {
    const home = temporaryFolder()
    writeFileSync(at(home, '.config/BeeperTexts/index.db'), '')
    makeWhatsAppAndroid(at(home, 'Documents/msgstore.db'), { messages: 50 })
    symlinkSync(join(home, 'Documents'), join(home, 'Downloads'))
    const found = await detectStores({ home, platform: 'linux', env: {} })
    expect(found.map(({ kind, readable, why }) => [kind, readable, why?.code])).toEqual([
      ['whatsapp-android', true, undefined],
      ['beeper', false, 'store_empty'],
    ])
  })

  it('are none in an empty home, and looking changes nothing', async () => {
    const home = temporaryFolder()
    expect(await detectStores({ home, platform: 'darwin', env: {} })).toEqual([])
    makeBeeper(at(home, '.config/BeeperTexts/index.db'))
    const folder = join(home, '.config/BeeperTexts')
    const before = stateOf(folder)
    await detectStores({ home, platform: 'linux', env: {} })
    expect(stateOf(folder)).toEqual(before)
    expect(readdirSync(home)).toEqual(['.config'])
  })
})

describe('a store that cannot be read', () => {
  const cases = [
    ['Signal Desktop', 'Signal/sql/db.sqlite', ['Signal/config.json']],
    ['WhatsApp for Windows', 'x.WhatsAppDesktop_y/LocalState/messages.db', []],
    ['Telegram', 'tdata/key_datas', []],
    ['WhatsApp’s encrypted backup', 'Downloads/msgstore.db.crypt15', []],
  ] as const
  for (const [messenger, file, others] of cases) {
    it(`is recognised and explained, given as its file or its folder: ${messenger}`, async () => {
      const home = temporaryFolder()
      const path = at(home, file)
      writeFileSync(path, messenger === 'Telegram' ? Buffer.concat([Buffer.from('TDF$'), noise]) : noise)
      for (const other of others) writeFileSync(at(home, other), '{}')
      const folder = messenger === 'Signal Desktop' ? join(home, 'Signal') : dirname(path)
      for (const given of path.endsWith('.crypt15') ? [path] : [path, folder]) {
        const opening = openStore({ path: given, tmp: join(home, 'tmp') })
        await expect(opening).rejects.toMatchObject({ code: 'store_unsupported', detail: { messenger, path: given } })
      }
    })
  }

  it('is not taken for one when it is a plain database of that name', async () => {
    const home = temporaryFolder()
    const path = at(home, 'Signal/sql/db.sqlite')
    writeFileSync(at(home, 'Signal/config.json'), '{}')
    makeBeeper(path)
    expect(await (await openStore({ path, tmp: join(home, 'tmp') })).inspect()).toMatchObject({ kind: 'beeper' })
  })
})
