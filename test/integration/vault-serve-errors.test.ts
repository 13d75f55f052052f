/** Everything that keeps a vault from serving is told in a sentence, with the exit code that says whose fault it is. */
import { chmodSync, copyFileSync, mkdirSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { beginning } from '../../vault/log/chain.ts'
import { createKeystore } from '../../vault/keystore/open-keystore.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import {
  configureVault,
  type Ended,
  serveVault,
  startVaultCommand,
  vaultCommand,
  vaultCommandHere,
} from '../fixtures/vault/vault-command.ts'

const occupied = createServer()
let port: number
beforeAll(async () => {
  await new Promise<void>((resolve) => occupied.listen(0, '127.0.0.1', resolve))
  // It listens on a port.
  port = (occupied.address() as AddressInfo).port
})
afterAll(() => {
  occupied.close()
})

/** A vault that was set up and never served. */
async function setUpVault(): Promise<string> {
  const folder = temporaryFolder()
  const spec = { kind: 'software', file: join(folder, 'keys'), anchorFolder: folder } as const
  const keystore = await createKeystore(spec, 'one')
  await keystore.writeAnchor(beginning)
  configureVault(folder, keystore)
  await keystore.close()
  return folder
}

async function expectFailure(args: readonly string[], code: 1 | 2, words: RegExp): Promise<void> {
  judge(await vaultCommandHere(args), code, words)
}

function judge(ended: Ended, code: 1 | 2, words: RegExp): void {
  expect(ended).toMatchObject({ code, stderr: expect.stringMatching(words) })
  expect(ended.stderr).not.toMatch(/\n\s+at |\.ts:\d|node:internal|Error:/)
  expect(ended.stderr.trim().split('\n').length).toBeLessThanOrEqual(3)
}

describe('a vault that is told to do what it cannot', () => {
  const wrong: [string[], RegExp][] = [
    [['serve', '--listen', 'nowhere'], /--listen takes HOST:PORT/],
    [['serve', '--listen', '127.0.0.1:99999'], /--listen takes HOST:PORT/],
    [['serve', '--waits', 'sometimes'], /--waits takes/],
    [['serve', '--waits', '1,,2'], /--waits takes/],
    [['serve', '--limit', 'many'], /--limit takes/],
    [['serve', '--limit', '-1'], /--limit/],
    [['serve', '--peers', 'ftp://b.example'], /--peers takes/],
    [['serve', '--tls-cert', '/dev/null'], /belong together/],
    [['serve', '--log-level', 'everything'], /--log-level|Allowed choices/],
    [['serve', '--unknown'], /unknown option/],
    [['open'], /too many arguments|unknown command/],
    [['invite', '--days', '0'], /--days takes/],
    [['init', '--keystore', 'pkcs11'], /--pkcs11-module/],
  ]
  it.each(wrong.map(([args, words]) => ({ args, words, line: args.join(' ') })))(
    'says so, and ends with 2: $line',
    async ({ args, words }) => {
      await expectFailure(['--data', join(temporaryFolder(), 'new'), ...args], 2, words)
    },
  )

  it('in a folder without a vault says so: status, log verify, recover and rotate-seal-key make none', async () => {
    const folder = temporaryFolder()
    const commands = [['status'], ['log', 'verify'], ['recover'], ['rotate-seal-key'], ['invite']]
    await Promise.all(commands.map((args) => expectFailure(['--data', folder, ...args], 2, /There is no vault in/)))
  })
})

describe('the program itself', () => {
  it('ends with 2 for wrong use and with 1 for what is not as it should be, in a sentence without a stack', async () => {
    const [folder, others] = await Promise.all([setUpVault(), setUpVault()])
    const taken = ['--data', folder, 'serve', '--listen', `127.0.0.1:${port}`]
    const [wrongUse, inUse] = await Promise.all([vaultCommand(['serve', '--unknown']), vaultCommand(taken)])
    judge(wrongUse, 2, /unknown option/)
    judge(inUse, 1, /listens at/)
    copyFileSync(join(others, 'keys'), join(folder, 'keys'))
    judge(await vaultCommand(['--data', folder, 'status']), 1, /keys of another vault/)
  })
})

describe('a vault that cannot serve', () => {
  const serve = (folder: string, ...more: string[]) => ['--data', folder, 'serve', '--listen', '127.0.0.1:0', ...more]

  it('says that something else listens there', async () => {
    const folder = await setUpVault()
    await expectFailure(serve(folder, '--listen', `127.0.0.1:${port}`), 1, /listens at 127\.0\.0\.1 port \d+ already/)
    await expectFailure(serve(folder, '--listen', '192.0.2.1:0'), 1, /no address 192\.0\.2\.1/)
  })

  it('says what its data is, when it is no vault’s', async () => {
    const file = join(temporaryFolder(), 'a file')
    writeFileSync(file, '')
    await expectFailure(serve(join(file, 'below')), 2, /cannot be read \(ENOTDIR\)/)
    const other = temporaryFolder()
    writeFileSync(join(other, 'vault.json'), '{"version":2}')
    await expectFailure(serve(other), 2, /is not a vault’s configuration/)
    const [noise, foreign] = [await setUpVault(), await setUpVault()]
    writeFileSync(join(noise, 'vault.db'), 'no database at all, and longer than a header has to be'.repeat(100))
    await expectFailure(serve(noise), 1, /no SQLite database/)
    const db = new Database(join(foreign, 'vault.db'))
    db.exec('CREATE TABLE bookmarks (url TEXT)')
    db.close()
    await expectFailure(serve(foreign), 1, /another program/)
  })

  it('says that the keys are another vault’s, that others may read them, or that they are damaged or gone', async () => {
    const [mine, others] = [await setUpVault(), await setUpVault()]
    copyFileSync(join(others, 'keys'), join(mine, 'keys'))
    await expectFailure(serve(mine), 1, /keys of another vault/)
    chmodSync(join(others, 'keys'), 0o644)
    await expectFailure(serve(others), 1, /Others on this machine may read the key file.*chmod 600/)
    chmodSync(join(others, 'keys'), 0o600)
    truncateSync(join(others, 'keys'), 100)
    await expectFailure(serve(others), 1, /key file/)
    const gone = temporaryFolder()
    copyFileSync(join(mine, 'vault.json'), join(gone, 'vault.json'))
    await expectFailure(serve(gone), 1, /There is no key file/)
    mkdirSync(join(gone, 'keys'))
    await expectFailure(serve(gone), 1, /key file/)
  })

  it('says that its certificate is none', async () => {
    const folder = await setUpVault()
    const file = join(folder, 'cert.pem')
    await expectFailure(serve(folder, '--tls-cert', file, '--tls-key', file), 1, /cert\.pem cannot be used \(ENOENT\)/)
    writeFileSync(file, 'no certificate')
    await expectFailure(serve(folder, '--tls-cert', file, '--tls-key', file), 1, /no certificate and its key/)
  })

  it('never makes new keys over old data: a database without its keys and its note stays as it is', async () => {
    const folder = await setUpVault()
    const serving = await serveVault(folder)
    await serving.end()
    unlinkSync(join(folder, 'vault.json'))
    await expectFailure(serve(folder), 1, /There is a file .*keys already/)
  })
})

describe('a vault that is told to end', () => {
  it('ends while it still waits for others to compare its log with, and has told nobody an address', async () => {
    const folder = await setUpVault()
    const args = ['--data', folder, 'serve', '--listen', '127.0.0.1:0', '--log-level', 'info']
    const { child, text, ended } = startVaultCommand([...args, '--peers', 'http://127.0.0.1:1'])
    await new Promise<void>((resolve) =>
      child.stderr.on('data', () => {
        if (text.stderr.includes('not ready yet')) resolve()
      }),
    )
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 0, stdout: '' })
  })

  it('ends well at SIGTERM and SIGINT', async () => {
    const both = (['SIGTERM', 'SIGINT'] as const).map(async (signal) => {
      const serving = await serveVault(temporaryFolder())
      expect(await serving.end(signal)).toMatchObject({ code: 0, stderr: '' })
    })
    await Promise.all(both)
  })
})
