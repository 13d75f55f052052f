import * as opaque from '@serenity-kit/opaque'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { withSecret } from '../../../main/core/keys/secret.ts'
import { logIn } from '../../../main/core/vault/log-in.ts'
import { openOwner } from '../../../main/core/vault/owner.ts'
import { filesBelow } from '../../fixtures/files-below.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { found, needle, type Needle } from '../../fixtures/vault/needles.ts'
import * as bodies from './bodies.ts'
import { cheap, goodPassword, linkTo, otherPassword } from './client.ts'
import { type Guarded, guardedArchive } from './guarded.ts'
import type { Bend } from './hostile-vault.ts'
import { steps } from './vault-model.ts'

/** What the client's OPAQUE makes of the password for a record: the same at every login. */
async function exportKeyOf({ vault }: Guarded, password: Buffer): Promise<Buffer> {
  await opaque.ready
  const [entry] = [...vault.model.records]
  if (!entry?.[1].secrets) throw new Error('there is no record')
  const [rid, { secrets }] = entry
  const identifiers = { client: rid, server: vault.model.fingerprint.toString('base64url') }
  const started = opaque.client.startLogin({ password: password.toString() })
  const { loginResponse } = opaque.server.startLogin({
    serverSetup: secrets.setup,
    userIdentifier: rid,
    registrationRecord: secrets.record,
    startLoginRequest: started.startLoginRequest,
    identifiers,
  })
  const done = opaque.client.finishLogin({
    password: password.toString(),
    clientLoginState: started.clientLoginState,
    loginResponse,
    identifiers,
    keyStretching: { 'argon2id-custom': { memory: 64, iterations: 1, parallelism: 1 } },
  })
  if (!done) throw new Error('the password is wrong')
  return Buffer.from(done.exportKey, 'base64url')
}

async function secretsOf(it_: Guarded): Promise<Needle[]> {
  const owner = openOwner(it_.archive.secret)
  owner.close()
  return [
    needle('password', goodPassword),
    needle('other password', otherPassword),
    needle(
      'key',
      withSecret(it_.archive.secret, (bytes) => Buffer.from(bytes)),
    ),
    needle('export key', await exportKeyOf(it_, goodPassword)),
  ]
}

const odd: Bend[] = [bodies.page, bodies.emptyObject, bodies.wrongRefusal, bodies.otherFields, () => 'drop']

describe('password, key and export key', () => {
  it('reach no vault and no disk, whatever the vault answers at whichever step', async () => {
    const it_ = await guardedArchive()
    try {
      await it_.set()
      it_.vault.remember()
      const secrets = await secretsOf(it_)
      for (const step of steps)
        for (const bend of odd) {
          it_.vault.restore()
          it_.vault.bend(step, bend)
          const outcomes: PromiseSettledResult<unknown>[] = await Promise.allSettled([
            it_.unlock(),
            it_.unlock({ password: otherPassword }),
            it_.set(),
          ])
          outcomes.push(...(await Promise.allSettled([it_.remove()])))
          const failures = outcomes.flatMap((it) =>
            it.status === 'rejected' ? [JSON.stringify([String(it.reason), it.reason])] : [],
          )
          expect(found(Buffer.from(failures.join('\n')), secrets), step).toEqual([])
        }
      expect(it_.vault.received().length).toBeGreaterThan(100_000)
      expect(found(Buffer.from(it_.vault.received()), secrets)).toEqual([])
      const written = filesBelow(it_.archive.home)
      expect(written.length).toBeGreaterThan(0)
      for (const { name, full } of written) expect(found(readFileSync(full), secrets), name).toEqual([])
    } finally {
      await it_.close()
    }
  }, 120_000)

  it('are in no argument and no environment of the process that works with them', async () => {
    const it_ = await guardedArchive()
    try {
      await it_.set()
      const secrets = await secretsOf(it_)
      const notes = join(temporaryFolder(), 'notes')
      const program = { file: process.execPath, args: [join(import.meta.dirname, 'watched-process.ts'), notes] }
      const env = { ...process.env, COFFER_KEY: withSecret(it_.archive.secret, (bytes) => bytes.toString('hex')) }
      const link = await linkTo(it_.vault)
      const owner = openOwner(it_.archive.secret)
      const { key } = await logIn(
        link,
        { rid: owner.rid, password: goodPassword },
        { ...cheap, program: { program, env } },
      )
      key.dispose()
      const seen = readFileSync(notes)
      expect(seen.toString()).toContain('watched-process')
      expect(found(seen, secrets)).toEqual([])
    } finally {
      await it_.close()
    }
  })

  it('would be found if they were there', async () => {
    const secret = needle('password', goodPassword)
    for (const spelled of [
      goodPassword.toString(),
      goodPassword.toString('hex'),
      `x${Buffer.from(`ab${goodPassword.toString()}c`).toString('base64url')}`,
    ])
      expect(found(Buffer.from(`before ${spelled} after`), [secret]), spelled).not.toEqual([])
  })
})
