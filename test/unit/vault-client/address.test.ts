import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import { parseOrigin, parseVaultAddress, showFingerprint } from '../../../main/core/vault/address.ts'
import { reach } from '../../../main/core/vault/reach.ts'
import { thrownBy } from './thrown.ts'

const fingerprint = Buffer.alloc(32, 7)
const originOf = (text: string): string => parseVaultAddress(text).origin

describe('the address of a vault', () => {
  it('has one spelling, whatever was typed', () => {
    expect(originOf('https://Vault.Example.org')).toBe('https://vault.example.org')
    expect(originOf('HTTPS://vault.example.org:443/')).toBe('https://vault.example.org')
    expect(originOf('https://vault.example.org:8443')).toBe('https://vault.example.org:8443')
    expect(originOf('http://127.0.0.1:8787')).toBe('http://127.0.0.1:8787')
    expect(originOf('http://[::1]:8787')).toBe('http://[::1]:8787')
    expect(originOf('http://localhost:8787/')).toBe('http://localhost:8787')
    expect(originOf('https://0x7f.1')).toBe('https://127.0.0.1')
  })

  it('may bring the fingerprint of who it has to be', () => {
    const address = parseVaultAddress(`https://vault.example.org#${showFingerprint(fingerprint)}`)
    expect(address).toMatchObject({ origin: 'https://vault.example.org', fingerprint })
    expect(parseVaultAddress('https://vault.example.org').fingerprint).toBeUndefined()
  })

  it('shows names of other scripts in their plain form, so that none can be taken for another', () => {
    expect(parseVaultAddress('https://vаult.example.org').host).toMatch(/^xn--/)
  })

  it.each([
    'vault.example.org',
    'ftp://vault.example.org',
    'https://',
    'https://ada@vault.example.org',
    'https://ada:secret@vault.example.org',
    'https://vault.example.org/records',
    'https://vault.example.org?x=1',
    'https://vault.example.org\\@elsewhere.org',
    'https://vault.example.org%2f.elsewhere.org',
    'https://vault example.org',
    'https://vault.example.org:0',
    'https://vault.example.org:99999',
    'https://vault.example.org.',
    'https://vault.example.org#short',
    `https://vault.example.org#${'A'.repeat(42)}B`,
    `https://${'a'.repeat(500)}.org`,
    'javascript://vault.example.org/%0aalert(1)',
    '',
  ])('is refused where it is more or less than that: %s', (text) => {
    expect(thrownBy(() => parseVaultAddress(text))).toMatchObject({ code: 'vault_address' })
  })

  it.each([
    'http://vault.example.org',
    'http://10.0.0.1',
    'http://127.0.0.1.example.org',
    'http://[fd00::1]:80',
    'http://nas',
  ])('is refused without encryption unless it is this very computer: %s', (text) => {
    expect(thrownBy(() => parseVaultAddress(text))).toMatchObject({ code: 'vault_address' })
  })

  it('is believed in a header only in its one spelling', () => {
    expect(parseOrigin('https://vault.example.org').origin).toBe('https://vault.example.org')
    for (const text of [
      'https://vault.example.org/',
      'https://Vault.example.org',
      `https://a.org#${showFingerprint(fingerprint)}`,
    ])
      expect(
        thrownBy(() => parseOrigin(text)),
        text,
      ).toMatchObject({ code: 'vault_address' })
  })

  it('never breaks on anything that is typed, and parses to itself', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map((it) => `https://${it}`),
        ),
        (text) => {
          try {
            const { origin } = parseVaultAddress(text)
            expect(parseVaultAddress(origin).origin).toBe(origin)
          } catch (error) {
            expect(error).toBeInstanceOf(CofferError)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('from where a host can be reached', () => {
  it.each(['localhost', '127.0.0.1', '127.255.0.1', '[::1]', '[::ffff:7f00:1]'])('%s is this computer', (host) => {
    expect(reach(host)).toBe('loopback')
  })
  it.each([
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '[fd12::1]',
    '[fe80::1]',
    '[::]',
    '[::ffff:a00:1]',
    'nas',
    'nas.local',
    'vault.internal',
    'a.home.arpa',
  ])('%s is in its own network', (host) => {
    expect(reach(host)).toBe('private')
  })
  it.each([
    'vault.example.org',
    '8.8.8.8',
    '172.32.0.1',
    '[2001:db8::1]',
    'local.example.org',
    '127.0.0.1.example.org',
  ])('%s is out in the world', (host) => {
    expect(reach(host)).toBe('public')
  })
})
