import { describe, expect, it } from 'vitest'
import type { Receipt, Statement } from '../../../contract/vault.ts'
import { activityText, eventsOf } from '../../../main/cli/commands/activity.ts'
import { backupText } from '../../../main/cli/commands/backup.ts'
import { detectText } from '../../../main/cli/commands/detect.ts'
import { forgetText, whatToForget } from '../../../main/cli/commands/forget.ts'
import { initText } from '../../../main/cli/commands/init.ts'
import { inspectionText } from '../../../main/cli/commands/inspect.ts'
import { restoreText } from '../../../main/cli/commands/restore.ts'
import { snapshotsText } from '../../../main/cli/commands/snapshots.ts'
import { verifyText } from '../../../main/cli/commands/verify.ts'

const noon = new Date(2026, 10, 23, 12, 0)

describe('what commands say to people', () => {
  it('tells a backup in a few lines: what it holds, what is new, what was uploaded', () => {
    const result = {
      snapshot: 'ab',
      seq: 7,
      databases: [{ path: 'msgstore.db', pages: 112_036, changed: 2573 }],
      files: { new: 12, unchanged: 3500, missing: 41 },
      uploaded: { bytes: 13_540_000, objects: 2 },
      warnings: [],
      seconds: 2.1,
    }
    expect(backupText(result)).toBe(
      [
        'Backup 7 is complete, after 2.1 s.',
        '  msgstore.db  112,036 pages, 2,573 of them new',
        '  media        3,512 files, 12 of them new, 41 named by the store but not on this computer',
        '  uploaded     13.5 MB in 2 objects',
      ].join('\n'),
    )
    const small = {
      ...result,
      databases: [{ path: 'x\n.db', pages: 1, changed: 1 }],
      files: { new: 0, unchanged: 0, missing: 0 },
    }
    expect(backupText(small)).toContain('  x\\u000a.db  1 page, all new\n  uploaded')
  })

  it('lists backups so that the columns line up, and says when there are none', () => {
    const line = {
      id: '161c04f3',
      createdAt: noon,
      kind: 'whatsapp-android',
      chats: 46,
      newest: noon,
      added: 75_300_000,
    }
    expect(
      snapshotsText([
        { ...line, seq: 9, messages: 98_512 },
        { ...line, seq: 10, messages: 7, newest: null, added: 0 },
      ]),
    ).toBe(
      [
        '    ID        Made                Messages  Newest message        Added',
        ' 9  161c04f3  23 Nov 2026, 12:00    98,512  23 Nov 2026, 12:00  75.3 MB',
        '10  161c04f3  23 Nov 2026, 12:00         7  –                   0 bytes',
      ].join('\n'),
    )
    expect(snapshotsText([{ ...line, seq: 1, kind: 'sqlite', messages: 0, chats: 0 }])).toContain('12:00         –  23')
    expect(snapshotsText([])).toBe('This archive holds no backup yet.')
  })

  it('names the stores that were found, and why one cannot be read', () => {
    const why = { code: 'store_unsupported', say: 'It is encrypted.', next: 'Use its own backup.' } as const
    const found = [
      { kind: 'beeper', label: 'Beeper', path: '/home/ada/index.db', readable: true },
      { kind: 'unsupported', label: 'Signal Desktop', path: '/home/ada/db\x07.sqlite', readable: false, why },
    ] as const
    expect(detectText(found)).toBe(
      'Beeper\n  /home/ada/index.db\n\nSignal Desktop\n  /home/ada/db\\u0007.sqlite\n  It is encrypted.\n  Use its own backup.',
    )
    expect(detectText([])).toContain('coffer inspect msgstore.db')
  })

  it('takes exactly one rule of what to forget, and knows each by its name', () => {
    expect(whatToForget({ keep: 'smart', snapshot: [] })).toEqual({ keep: 'smart' })
    expect(whatToForget({ keep: 'all', snapshot: [] })).toEqual({ keep: 'all' })
    expect(whatToForget({ keep: 'last:30', snapshot: [] })).toEqual({ keep: { last: 30 } })
    expect(whatToForget({ snapshot: ['a', 'b'] })).toEqual({ snapshots: ['a', 'b'] })
    for (const keep of [
      '',
      'last',
      'last:',
      'last:0',
      'last:-1',
      'last:1e3',
      'last:1.5',
      'last:99999999',
      'none',
      'SMART',
    ]) {
      expect(() => whatToForget({ keep, snapshot: [] }), keep).toThrow(/^usage/)
    }
    expect(() => whatToForget({ snapshot: [] })).toThrow(/^usage/)
    expect(() => whatToForget({ keep: 'all', snapshot: ['a'] })).toThrow(/^usage/)
  })

  it('says of forgetting what is gone, what is left, and how much room that makes', () => {
    const nothing = { objects: 0, bytes: 0 }
    const result = {
      forgotten: ['a', 'b', 'c'],
      kept: 5,
      deleted: { objects: 3, bytes: 50e6 },
      repacked: { objects: 2, bytes: 30e6 },
      written: { objects: 4, bytes: 20e6 },
      warnings: [],
    }
    expect(forgetText(result)).toBe(
      'Deleted 3 backups; 5 are left.\nRemoved 5 objects (20 MB of what they held was kept, in 4 new objects), which makes 60 MB of room.',
    )
    expect(forgetText({ ...result, forgotten: ['a'], kept: 1, repacked: nothing, written: nothing })).toBe(
      'Deleted 1 backup; 1 is left.\nRemoved 3 objects, which makes 50 MB of room.',
    )
    expect(forgetText({ ...result, forgotten: [], deleted: nothing, repacked: nothing, written: nothing })).toBe(
      'No backup was deleted; 5 are left.\nThere was nothing else to tidy up.',
    )
    expect(forgetText({ ...result, written: { objects: 1, bytes: 90e6 } })).toContain('makes 0 bytes of room')
  })

  it('does not claim more of a check than was done', () => {
    const result = { ok: true, checked: { objects: 312, bytes: 1_403_000_000 }, faults: [], warnings: [] }
    expect(verifyText(result, { read: false, proof: false })).toBe(
      'All is well: everything is there, with its right length (312 objects, 1.4 GB).\nTo check every byte as well, add --read.',
    )
    expect(verifyText(result, { read: true, proof: false })).toContain('every byte was read and checked')
    expect(verifyText(result, { read: true, proof: true })).toContain('everything was restored, checked and compared')
  })

  it('names each fault of an archive, and each advice once', () => {
    const faults = [
      { code: 'pack_missing', object: 'packs/ab', detail: {} },
      { code: 'pack_altered', object: 'packs/cd\x1b[2J', detail: {} },
    ] as const
    expect(
      verifyText(
        { ok: false, checked: { objects: 1, bytes: 10 }, faults: [...faults], warnings: [] },
        { read: true, proof: false },
      ),
    ).toBe(
      [
        'Found 2 faults in 1 object, 10 bytes:',
        '  packs/ab: A part of the archive is missing.',
        '  packs/cd\\u001b[2J: A part of the archive has been altered or damaged.',
        'Restore it from a copy of the folder, or use --salvage.',
      ].join('\n'),
    )
  })

  it('says of a restore what came back, and does not call it whole when it is not', () => {
    const result = { snapshot: 'ab', files: 304, bytes: 90_300_000, integrity: 'ok', missing: [], warnings: [] }
    expect(restoreText('/home/ada/out', result)).toBe(
      'Restored 304 files, 90.3 MB, to /home/ada/out.\nEvery page and every piece was verified.',
    )
    expect(restoreText('/out', { ...result, integrity: 'row 7 missing' })).toContain(
      'SQLite finds fault with the restored database: row 7 missing',
    )
    expect(restoreText('/out', { ...result, integrity: 'not checked' })).toMatch(
      /was verified\.\nSQLite has not checked/,
    )
    const missing = [
      { path: 'msgstore.db', pages: 12, bytes: 49_152 },
      { path: 'Media/a.jpg', bytes: 1200, kept: 'Media/a.jpg.damaged' },
      { path: '…', files: 3 },
      ...Array.from({ length: 20 }, (_, i) => ({ path: `Media/${i}` })),
    ]
    const text = restoreText('/out', { ...result, missing })
    expect(text).not.toContain('verified')
    expect(text.split('\n').slice(1, 5)).toEqual([
      'This could not be brought back:',
      '  msgstore.db: 12 pages, zeros in their place; 49.2 kB',
      '  Media/a.jpg: 1.2 kB; the rest is kept as Media/a.jpg.damaged',
      '  …: 3 files whose names are lost',
    ])
    expect(text.split('\n').at(-1)).toBe('  … and 3 more (--json lists all)')
  })

  it('says where the key of a new archive is, and why it is not in a keychain', () => {
    expect(initText('/a', '/k', { keychain: true })).toContain(
      'Its 64-digit key is in /k and in this computer’s keychain.',
    )
    expect(initText('/a', null, { keychain: true })).toContain('Its 64-digit key is in this computer’s keychain.')
    expect(initText('/a', '/k', { keychain: false, trouble: 'No service.' })).toContain(
      'is in /k.\nIt is not in a keychain: No service.',
    )
  })

  it('shows no counts for a database that nobody can count', () => {
    const found = {
      kind: 'sqlite',
      chats: 0,
      messages: 0,
      newest: null,
      media: { files: 0, bytes: 0 },
      databases: [{ path: 'notes.db', pageSize: 4096, pages: 10 }],
    } as const
    expect(inspectionText('/x/notes.db', { ...found, databases: [...found.databases] })).toBe(
      'SQLite database: /x/notes.db\n  database  notes.db, 41 kB (10 pages of 4,096 bytes)',
    )
  })

  it('says of a password alone that it is one, and of both what each of them does', () => {
    const vault = {
      address: 'https://vault.example.org',
      fingerprint: Buffer.alloc(32),
      keystore: 'hardware' as const,
      model: 'a \x07token',
      firstUse: false,
    }
    const alone = initText('/a', null, { keychain: false }, vault)
    expect(alone).toContain('vault at https://vault.example.org (hardware vault: a \\u0007token)')
    expect(alone).toContain('Without the vault, or without the password, nobody can open the archive, not even you.')
    expect(alone).toContain('is recommended')
    expect(initText('/a', null, { keychain: true }, vault)).toContain('If the vault is lost and this computer too')
    const both = initText('/a', '/k', { keychain: false }, vault)
    expect(both).toContain('Whoever has the key or the password')
    expect(initText('/a', '/k', { keychain: false })).not.toContain('password')
  })

  it('tells what happened at a vault: a try and what became of it are one thing', () => {
    const receipt = (number: number, kind: Receipt['kind'], message: string, attempt = 0) =>
      ({ number, kind, message, attempt, at: noon.getTime() + number * 60_000 }) as unknown as Receipt
    const receipts = [
      receipt(1, 'created', ''),
      receipt(2, 'tried', 'a', 1),
      receipt(3, 'given_back', 'a', 1),
      receipt(4, 'tried', 'b', 2),
      receipt(5, 'tried', 'c', 3),
      receipt(6, 'opened', 'b', 2),
      receipt(7, 'replaced', ''),
      receipt(8, 'destroyed', ''),
      receipt(9, 'deleted', ''),
    ]
    const events = eventsOf(receipts)
    expect(events.map(({ what, attempt, outcome }) => [what, attempt, outcome])).toEqual([
      ['set', undefined, undefined],
      ['tried', 1, 'wrong'],
      ['tried', 2, 'right'],
      ['tried', 3, 'wrong'],
      ['changed', undefined, undefined],
      ['destroyed', undefined, undefined],
      ['removed', undefined, undefined],
    ])
    const vault = {
      address: 'https://v',
      fingerprint: Buffer.alloc(32),
      keystore: 'software' as const,
      model: '',
      firstUse: false,
    }
    const state = (it: Statement['state'], attemptsLeft: number) =>
      ({ state: it, attemptsLeft }) as unknown as Statement
    const text = activityText({ vault, statement: state('active', 1), receipts })
    expect(text).toContain('https://v (software vault): the password works; 1 try is left.')
    expect(text).toContain('23 Nov 2026, 12:02  try 1 of 10: wrong password')
    expect(text).toContain(
      '2 wrong passwords were tried, the last on 23 Nov 2026, 12:05. If that was not you, change your password.',
    )
    expect(activityText({ vault, statement: state('destroyed', 0), receipts: [] })).toBe(
      'https://v (software vault): the password has stopped working for good.',
    )
    expect(activityText({ vault, statement: state('exhausted', 0), receipts: [] })).toContain('all ten tries are used')
    expect(activityText({ vault, statement: state('none', 0), receipts: [] })).toContain('holds nothing')
  })
})
