/** How dear a vault may make it to stretch a password. */
import { stretching as usual, stretchingBounds as usualBounds } from '../../../contract/vault-limits.ts'
import type { Stretching } from '../../../contract/vault.ts'
import type { PasswordProgramOptions } from './password-program.ts'

export interface StretchingBounds {
  /** KiB. */
  memory: { least: number; most: number }
  passes: { least: number; most: number }
}

/** How passwords are worked with; empty in the program. Tests make it cheap, which nothing a person gives can do. */
export interface PasswordOptions {
  program?: PasswordProgramOptions
  /** What new registrations take. */
  stretching?: Stretching
  /** What is accepted from a vault. */
  bounds?: StretchingBounds
}

export function newStretching({ stretching }: PasswordOptions): Stretching {
  return stretching ?? usual
}

/**
 * Too cheap would let whoever has the record guess faster than its owner was promised, too dear would bring a computer
 * to a halt. Undefined if it is neither, else which of the two.
 */
export function oddStretching({ memory, passes }: Stretching, options: PasswordOptions): 'cheap' | 'dear' | undefined {
  const bounds: StretchingBounds = options.bounds ?? usualBounds
  if (memory < bounds.memory.least || passes < bounds.passes.least) return 'cheap'
  if (memory > bounds.memory.most || passes > bounds.passes.most) return 'dear'
  return undefined
}
