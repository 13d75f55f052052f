/** What the program that works with a password is asked, step by step, and what it answers. */
import { z } from 'zod'
import { RecordId, Stretching } from '../../../contract/vault.ts'

const base64url = z
  .string()
  .max(2048)
  .regex(/^[A-Za-z0-9_-]+$/)
/** What OPAQUE and the wrapping bind: the record, the vault's identity, and how the password is stretched. */
const bound = {
  rid: RecordId,
  fingerprint: base64url,
  generation: z.number().int().positive(),
  stretching: Stretching,
}

export const Step = z.discriminatedUnion('step', [
  /** With the password. `known`: what others know of the person, for judging its strength. */
  z.strictObject({ step: z.literal('start_registration'), known: z.array(z.string().max(400)).max(20) }),
  /** With K. */
  z.strictObject({ step: z.literal('finish_registration'), response: base64url, ...bound }),
  /** With the password. */
  z.strictObject({ step: z.literal('start_login') }),
  z.strictObject({ step: z.literal('finish_login'), message: base64url, ...bound }),
  z.strictObject({ step: z.literal('open'), release: base64url }),
])
export type Step = z.infer<typeof Step>
export type StepOf<Name extends Step['step']> = Extract<Step, { step: Name }>

/** It cannot be a password at all, or is too easy to guess. */
const unfit = z.strictObject({ unusable: z.string().max(200) })
const weak = z.strictObject({ weak: z.strictObject({ reason: z.string().max(200), suggestion: z.string().max(200) }) })
/** What the vault said is none of OPAQUE's messages, or does not open. */
const broken = z.strictObject({ broken: z.literal(true) })

export const answers = {
  start_registration: z.union([z.strictObject({ request: base64url }), weak, unfit]),
  finish_registration: z.union([z.strictObject({ record: base64url, wrapped: base64url }), broken]),
  start_login: z.union([z.strictObject({ message: base64url }), unfit]),
  finish_login: z.union([z.strictObject({ message: base64url }), z.strictObject({ wrong: z.literal(true) }), broken]),
  /** With K where it opened. */
  open: z.union([z.strictObject({ opened: z.literal(true) }), broken]),
}
export type AnswerOf<Name extends Step['step']> = z.infer<(typeof answers)[Name]>
