/**
 * The call's own faults, with keytar replaced inside the real process by a few lines: `fakeKeytar`. That shows what
 * becomes of every answer keytar could give; what it does give is shown by test/integration/keychain.test.ts.
 */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Keychain, openKeychain } from '../../../main/core/keys/keychain.ts'
import { holdSecret, withSecret } from '../../../main/core/keys/secret.ts'

const process_ = fileURLToPath(new URL('../../../main/core/keys/keychain-process.ts', import.meta.url))
const hex = '3a'.repeat(32)
const key = () => holdSecret(Buffer.from(hex, 'hex'))

function dataModule(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`
}

/** A keychain whose keytar is the given object literal; a string instead of one is what importing keytar throws. */
function fakeKeytar(source: string): Keychain {
  const hooks = `import { registerHooks } from 'node:module'
    registerHooks({ resolve: (name, context, next) => next(name === 'keytar' ? ${JSON.stringify(dataModule(source))} : name, context) })`
  return openKeychain({ program: { file: process.execPath, args: ['--import', dataModule(hooks), process_] } })
}

const keytar = (methods: string) => fakeKeytar(`export default { ${methods} }`)
const faultOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'none',
    (error: unknown) => error,
  )

describe('the keychain', () => {
  it('keeps the key as its 64 digits under service Coffer and the archive’s id', async () => {
    const chain = fakeKeytar(
      `let kept; export default { async setPassword(...a) { kept = a }, async getPassword(s, n) { return kept.join() === 'Coffer,archive,${hex}' && s === 'Coffer' && n === 'archive' ? kept[2] : null } }`,
    )
    await chain.set('archive', key())
  })

  it('reads a key however it was spelled in the entry', async () => {
    const found = await keytar(`async getPassword() { return '${hex.toUpperCase().replace(/(.{4})/g, '$1 ')}' }`).get(
      'a',
    )
    expect(found && withSecret(found, (bytes) => bytes.toString('hex'))).toBe(hex)
  })

  it.each([
    ['addon_missing', `throw Object.assign(new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' })`],
    ['addon_missing', `throw Object.assign(new Error('libsecret-1.so.0'), { code: 'ERR_DLOPEN_FAILED' })`],
    ['not_a_key', `export default { async getPassword() { return 'something else' } }`],
    ['not_a_key', `export default { async getPassword() { return '' } }`],
    ['refused', `export default { async getPassword() { throw new Error('User canceled the operation.') } }`],
    ['locked', `export default { async getPassword() { throw new Error('Cannot get secret of a locked object') } }`],
    ['timed_out', `export default { async getPassword() { throw new Error('Timeout was reached') } }`],
    [
      'crashed',
      `export default { async getPassword() { process.kill(process.pid, 'SIGSEGV') ; await new Promise(() => {}) } }`,
    ],
    ['crashed', `export default { async getPassword() { process.exit(0) } }`],
    ['crashed', `export default { async getPassword() { process.stdout.write('what?\\n'); return null } }`],
    ['crashed', `export default { async getPassword() { process.stdout.write('{"found":1}\\n'); return null } }`],
    [
      'crashed',
      `export default { async getPassword() { process.stdout.write('{"found":true}\\nshort'); process.exit(0) } }`,
    ],
    [
      'crashed',
      `export default { async getPassword() { process.stdout.write(Buffer.alloc(1e6)); await new Promise(() => {}) } }`,
    ],
  ])('gives %s for what it means (%#)', async (fault, source) => {
    expect(await faultOf(fakeKeytar(source).get('a'))).toMatchObject({
      code: 'keychain_unavailable',
      detail: { fault },
    })
  })

  it('says not_kept when the entry cannot be read back', async () => {
    const chain = keytar(`async setPassword() {}, async getPassword() { return null }`)
    expect(await faultOf(chain.set('a', key()))).toMatchObject({ detail: { fault: 'not_kept' } })
  })

  it('says not_started when its program is not there', async () => {
    const chain = openKeychain({ program: { file: '/nonexistent/node', args: [] } })
    expect(await faultOf(chain.get('a'))).toMatchObject({ detail: { fault: 'not_started' } })
  })

  it('passes on an unknown error in the system’s words, but never a key in them', async () => {
    const chain = keytar(`async setPassword(s, a, digits) { throw new Error('Error 17 about ' + digits) }`)
    const error = await faultOf(chain.set('a', key()))
    expect(error).toMatchObject({ detail: { fault: 'failed', said: 'Error 17 about …' } })
    expect(JSON.stringify(error)).not.toContain(hex.slice(0, 8))
  })

  it('has gives no key, and delete says whether there was one', async () => {
    const chain = keytar(`async getPassword() { return '${hex}' }, async deletePassword() { return true }`)
    expect(await chain.has('a')).toBe(true)
    expect(await chain.delete('a')).toBe(true)
  })
})
