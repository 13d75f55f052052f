/**
 * Padme (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019):
 * lengths are rounded up so that only O(log log n) bits of them leak, at a cost of at most 12 %, under 4 % for packs.
 */

/** The smallest padded length that holds `length` bytes. */
export function padme(length: number): number {
  if (length < 2) return length
  const exponent = Math.floor(Math.log2(length))
  const kept = Math.floor(Math.log2(exponent)) + 1
  const step = 2 ** Math.max(0, exponent - kept)
  return Math.ceil(length / step) * step
}
