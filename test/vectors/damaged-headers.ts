/** Archives whose key or header is not right. */
import { encodeHeader } from '../../main/core/archive/format/header.ts'
import { keyCheck } from '../../main/core/archive/format/hashes.ts'
import { headerName, idBytes, previousHeaderName } from '../../main/core/archive/format/names.ts'
import type { TinyArchive } from '../fixtures/tiny-archive.ts'
import { bytesOf, type InvalidArchive, putBytes, soundArchive } from './invalid-archive.ts'
import { vectorKey } from './write-vector.ts'

export function damagedHeaders(): InvalidArchive[] {
  return [
    {
      name: 'wrong-key',
      note: 'The key of another archive.',
      archive: soundArchive('wrong-key'),
      key: vectorKey('another'),
      error: 'wrong_key',
    },
    {
      name: 'header-vault-exchanged',
      note: 'Both headers name a vault that the owner never chose; the MAC does not fit.',
      archive: withHeaders('header-vault-exchanged', (_, archive) => {
        const vault = { address: 'https://evil.example', fingerprint: Buffer.alloc(32), record: Buffer.alloc(32) }
        const made = encodeHeader(
          { number: 1, archive: archive.archive, keyCheck: keyCheck(archive.keys, idBytes(archive.archive)), vault },
          archive.keys,
        )
        const { body } = JSON.parse(made.toString()) as { body: string }
        const { mac } = JSON.parse(Buffer.from(bytesOf(archive, headerName)).toString()) as { mac: string }
        return `{"coffer":1,"body":"${body}","mac":"${mac}"}\n`
      }),
      error: 'header_altered',
      object: headerName,
    },
    {
      name: 'header-mac-altered',
      note: 'One digit of the MAC is another, in both headers.',
      archive: withHeaders('header-mac-altered', (text) =>
        text.replace(/"mac":"(.)/, (_, digit: string) => `"mac":"${digit === 'A' ? 'B' : 'A'}`),
      ),
      error: 'header_altered',
      object: headerName,
    },
    {
      name: 'header-respelled',
      note: 'The same JSON with a space in it, in both headers: a header has one spelling.',
      archive: withHeaders('header-respelled', (text) => text.replace(',"body"', ', "body"')),
      error: 'header_altered',
      object: headerName,
    },
    {
      name: 'header-with-more',
      note: 'A member that version 1 does not know, in both headers.',
      archive: withHeaders('header-with-more', (text) => text.replace('}', ',"more":1}')),
      error: 'header_altered',
      object: headerName,
    },
    {
      name: 'header-cut',
      note: 'Both headers end early.',
      archive: withHeaders('header-cut', (text) => text.slice(0, 100)),
      error: 'header_altered',
      object: headerName,
    },
    {
      name: 'newer-format',
      note: 'Both headers are of version 2, whose members nobody knows yet.',
      archive: withHeaders('newer-format', () => '{"coffer":2,"something":"else"}\n'),
      error: 'newer_format',
      object: headerName,
    },
    {
      name: 'header-missing',
      note: 'Neither header is there, but packs and snapshots are.',
      archive: withoutHeaders('header-missing'),
      error: 'header_missing',
      object: headerName,
    },
    { name: 'not-an-archive', note: 'A folder with other things.', archive: notAnArchive(), error: 'not_an_archive' },
    { name: 'no-snapshots', note: 'A new archive.', archive: withoutSnapshots(), error: 'no_snapshots' },
    {
      name: 'second-header-damaged',
      note: 'coffer.json is whole, its second copy is not: it can be restored, and verifying finds it.',
      archive: withSecondHeader(),
      found: 'verify',
      error: 'header_altered',
      object: previousHeaderName,
    },
  ]
}

function withHeaders(name: string, change: (text: string, archive: TinyArchive) => string): TinyArchive {
  const archive = soundArchive(name)
  const changed = change(Buffer.from(bytesOf(archive, headerName)).toString(), archive)
  for (const header of [headerName, previousHeaderName]) putBytes(archive, header, Buffer.from(changed))
  return archive
}

function withoutHeaders(name: string): TinyArchive {
  const archive = soundArchive(name)
  for (const header of [headerName, previousHeaderName]) archive.destination.objects.delete(header)
  return archive
}

function notAnArchive(): TinyArchive {
  const archive = soundArchive('not-an-archive')
  archive.destination.objects.clear()
  putBytes(archive, 'README', Buffer.from('Holiday photos\n'))
  return archive
}

function withoutSnapshots(): TinyArchive {
  const archive = soundArchive('no-snapshots')
  for (const name of [...archive.destination.objects.keys()])
    if (name.includes('/')) archive.destination.objects.delete(name)
  return archive
}

function withSecondHeader(): TinyArchive {
  const archive = soundArchive('second-header-damaged')
  putBytes(archive, previousHeaderName, bytesOf(archive, previousHeaderName).subarray(0, 50))
  return archive
}
