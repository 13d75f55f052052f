/** Looks into a token behind the vault's back, in this process, as another program with the PIN could. */
import { readdirSync, readFileSync } from 'node:fs'
import pkcs11js, { type Handle, type PKCS11, type Template } from 'pkcs11js'
import type { Pkcs11Spec } from '../../../vault/keystore/pkcs11.ts'

export interface Inside {
  token: PKCS11
  session: Handle
  find(template: Template): Handle[]
  /** The objects of a class with this label; throws unless there is exactly one. */
  one(type: number, label: string): Handle
}

export function insideToken<T>({ module, tokenLabel, pin }: Pkcs11Spec, look: (inside: Inside) => T): T {
  const token = new pkcs11js.PKCS11()
  token.load(module)
  // SoftHSM learns of tokens and objects when it is started.
  token.C_Initialize()
  try {
    const slot = token.C_GetSlotList(true).find((it) => token.C_GetTokenInfo(it).label.trim() === tokenLabel)
    if (!slot) throw new Error('no such token')
    const session = token.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION)
    token.C_Login(session, pkcs11js.CKU_USER, pin)
    const find = (template: Template) => {
      token.C_FindObjectsInit(session, template)
      const found = token.C_FindObjects(session, 1000)
      token.C_FindObjectsFinal(session)
      return found
    }
    const one = (type: number, label: string) => {
      const [only, another] = find([
        { type: pkcs11js.CKA_CLASS, value: type },
        { type: pkcs11js.CKA_LABEL, value: label },
      ])
      if (!only || another) throw new Error(`not one ${label}`)
      return only
    }
    return look({ token, session, find, one })
  } finally {
    token.C_Finalize()
    token.close()
  }
}

/** The processes of this one that talk to tokens. */
export function tokenProcesses(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? []
      const line = readFileSync(`/proc/${name}/cmdline`, 'utf8')
      return Number(parent) === process.pid && line.includes('token-process') ? [Number(name)] : []
    } catch {
      // It ended meanwhile.
      return []
    }
  })
}
