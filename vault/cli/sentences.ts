/** What an operator is told when a command fails: a sentence, and where there is one, the way on. Never a stack. */
import { LogBroken } from '../log/chain.ts'

export function sentenceFor(error: unknown): string {
  if (!(error instanceof Error)) return 'Something went wrong.'
  if (error instanceof LogBroken)
    return `The database is not what this vault left: ${error.message}. “coffer-vault recover” says what can be done.`
  const { code, path, address, port } = systemError(error)
  const where = `${address ?? 'that address'}${port === undefined ? '' : ` port ${port}`}`
  if (code === 'EADDRINUSE') return `Something listens at ${where} already. Choose another place with --listen.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `This machine has no address ${where}. Choose another with --listen.`
  if (code === 'EACCES' && path === undefined) return `Listening at ${where} is not allowed to this user.`
  if (code?.startsWith('ERR_OSSL') === true)
    return 'The files of --tls-cert and --tls-key are no certificate and its key, as PEM.'
  if (code !== undefined && path !== undefined) return `${path} cannot be used (${code}).`
  return sentence(error.message)
}

/** Node's errors say what they are about in members of their own. */
function systemError(error: Error): { code?: string; path?: string; address?: string; port?: string } {
  const names = ['code', 'path', 'address', 'port'] as const
  const members = new Map<string, unknown>(Object.entries(error))
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = members.get(name)
      return typeof value === 'string' || typeof value === 'number' ? [[name, String(value)]] : []
    }),
  )
}

function sentence(text: string): string {
  const begun = text.slice(0, 1).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(begun) ? begun : `${begun}.`
}
