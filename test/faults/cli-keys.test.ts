import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { describe as wordsOf } from '../../contract/errors.ts'
import { openSession } from '../../main/core/jobs/session.ts'
import { holdSecret } from '../../main/core/keys/secret.ts'
import { startWorker } from '../../main/engine/start-worker.ts'
import { addRows, change, practice } from '../fixtures/practice-archive.ts'
import { makeClosed } from '../unit/stores/owned.ts'
import { faultyDestination } from './fault-destination.ts'
import { newKeeper } from './keeper.ts'

it(
  'a key that is wrong, cut short or another archive’s is refused in plain words, with exit code 3, by every command',
  { timeout: 240_000 },
  async () => {
    const keeper = await newKeeper()
    makeClosed(keeper.at('store.db'))
    expect(await keeper.backUp('store.db')).toMatchObject({ code: 0 })
    await keeper.coffer('init', 'another', '--key-out', 'another.txt', '--no-keychain')
    const [right = ''] = readFileSync(keeper.at('key.txt'), 'utf8').split('\n')
    const flipped = right.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))
    const keys = {
      wrong: [randomBytes(32).toString('hex'), 'wrong_key'],
      'one digit off': [flipped, 'wrong_key'],
      'of another archive': [readFileSync(keeper.at('another.txt'), 'utf8'), 'wrong_key'],
      'cut short': [right.slice(0, -1), 'key_malformed'],
      'too long': [`${right}0`, 'key_malformed'],
      empty: [' ', 'key_malformed'],
      'not hexadecimal': [right.replace(/.$/, 'x'), 'key_malformed'],
    } as const
    const commands = [
      ['backup', 'store.db', 'archive'],
      ['snapshots', 'archive'],
      ['verify', 'archive'],
      ['restore', 'archive', 'target'],
      ['forget', 'archive', '--keep', 'all'],
      ['key', 'check', 'archive'],
    ]
    const before = readdirSync(keeper.folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => !name.startsWith('home'))
      .toSorted()
    let turn = 0
    for (const [what, [key, code]] of Object.entries(keys))
      // Each key at two of the commands, so that each command meets wrong ones and malformed ones.
      for (const args of [commands[turn++ % 6], commands[turn % 6]].map((it) => it ?? [])) {
        const ended = await keeper.with({ COFFER_KEY: key })(...args, '--json')
        const { say, next } = wordsOf(code)
        expect([ended.code, ended.json], `${what}: ${args.join(' ')}`).toMatchObject([
          3,
          { error: { code, message: say } },
        ])
        expect((ended.json as { error: { next: string } }).error.next).toBe(next)
        expect(ended.stdout + ended.stderr).not.toContain(key.trim().slice(0, 16) || 'nothing')
      }
    const plain = await keeper.with({ COFFER_KEY: flipped })('restore', 'archive', 'target')
    expect(plain).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^This key does not open this archive\.\n/),
    })
    const after = readdirSync(keeper.folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => !name.startsWith('home'))
      .toSorted()
    expect(after).toEqual(before)
  },
)

it('a wrong key is refused after the header and its copy were read, and nothing else was asked for', async () => {
  const it_ = await practice()
  try {
    change(it_.database, (db) => addRows(db, 10))
    await it_.backUp()
    const watched = faultyDestination(it_.destination)
    const secret = holdSecret(randomBytes(32))
    const options = {
      destination: watched,
      secret,
      home: join(it_.folder, 'elsewhere'),
      now: () => new Date(),
      startWorker,
    }
    await expect(openSession(options)).rejects.toMatchObject({ code: 'wrong_key' })
    secret.dispose()
    expect(watched.calls).toEqual([
      { kind: 'get', name: 'coffer.json' },
      { kind: 'get', name: 'coffer.previous.json' },
    ])
    expect(readdirSync(it_.folder)).not.toContain('elsewhere')
  } finally {
    it_.remove()
  }
})
