/** How the vault gets to its database: TLS and passwords, as an operator's PostgreSQL has them. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPostgres } from '../../../vault/store/postgres.ts'
import { StorageUnavailable, StorageUnfit } from '../../../vault/store/storage.ts'
import { oneServer, serverFolder, touch, type Server } from './postgres-server.ts'

const canMakeCertificates = spawnSync('openssl', ['version']).status === 0
if (!canMakeCertificates) process.stderr.write('skipped: TLS to PostgreSQL, since there is no openssl here\n')

describe.skipIf(!canMakeCertificates)('logging in to PostgreSQL', () => {
  let only: { server: Server; remove: () => Promise<void> } | undefined
  let certificate = ''
  beforeAll(async () => {
    only = await oneServer()
    const { server } = only
    const folder = serverFolder()
    const [key, made] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', made], { stdio: 'pipe' })
    certificate = join(server.data, 'server.crt')
    touch(certificate, readFileSync(made, 'utf8'))
    touch(join(server.data, 'server.key'), readFileSync(key, 'utf8'))
    chmodSync(join(server.data, 'server.key'), 0o600)
    rmSync(folder, { recursive: true })
    await server.sql("CREATE ROLE keeper LOGIN PASSWORD 'p@ss: w/rd'")
    await server.sql('CREATE DATABASE vault OWNER keeper')
    touch(
      join(server.data, 'pg_hba.conf'),
      'hostssl all keeper 127.0.0.1/32 scram-sha-256\nhost all vault 127.0.0.1/32 trust\n',
    )
    server.configure({ ssl: 'on' })
    await server.kill()
    await server.start()
  })
  afterAll(() => only?.remove())

  const open = async (options: {
    host?: string
    password?: string
    database?: string
    query: string
  }): Promise<string> => {
    const { host = 'localhost', password = 'p@ss: w/rd', database = 'vault', query } = options
    const address = `${host}:${only?.server.port ?? 0}`
    const url = `postgres://keeper:${encodeURIComponent(password)}@${address}/${database}${query}`
    try {
      const storage = await openPostgres({ urls: [url], allowSingleNode: true, patience: 1000 })
      await storage.ready()
      await storage.close()
      return 'in'
    } catch (error) {
      if (!(error instanceof StorageUnavailable || error instanceof StorageUnfit)) throw error
      expect(error.message).not.toContain('p@ss')
      return error.message
    }
  }
  const verified = (): string => `?sslmode=verify-full&sslrootcert=${encodeURIComponent(certificate)}`

  it('works over TLS with a password, and checks the server’s certificate where it is told to', async () => {
    expect(await open({ query: '?sslmode=require' })).toBe('in')
    expect(await open({ query: verified() })).toBe('in')
    expect(await open({ query: '?sslmode=verify-full' })).toMatch(/SELF_SIGNED/)
    expect(await open({ query: verified(), host: '127.0.0.1' })).toMatch(/ALTNAME/)
  })

  it('says what an operator has to change, without the password', async () => {
    expect(await open({ query: '' })).toMatch(/does not let the vault in \(28000\)/)
    expect(await open({ query: '?sslmode=require', password: 'p@ss' })).toMatch(/28P01/)
    expect(await open({ query: '?sslmode=require', database: 'none' })).toMatch(/3D000/)
    expect(await open({ query: '?sslmode=verify-full&sslrootcert=/none' })).toMatch(/sslrootcert/)
  })
})
