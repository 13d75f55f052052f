/** Invites: who may make a record at a vault that is not open to everybody. Each serves once. */
import { randomBytes } from 'node:crypto'
import { hash } from './hash.ts'

/** The name of an invite's note. The token itself is kept nowhere. */
export function inviteNote(token: string): string {
  return `invite:${hash(Buffer.from(token)).toString('base64url')}`
}

export function newInvite(): string {
  return randomBytes(16).toString('base64url')
}
