/**
 * What other nodes of the same vault have seen. One node's anchor may have been rolled back together with its machine;
 * a majority's have not.
 */
import { LogHead } from '../../contract/vault.ts'
import { logHead as logHeadPreimage } from '../../contract/vault-preimages.ts'
import { identityKey, verifySignature } from './chain.ts'
import type { Witness } from './rebuild.ts'

/** Fetches a node's signed head: `{address}/v1/log/head`. */
export type FetchHead = (address: string) => Promise<unknown>

/** Too few nodes answer to tell whether this one is up to date. */
export class NoMajority extends Error {}

/**
 * The heads of as many of `peers` as make a majority of all configured nodes, this one counted.
 * NoMajority when fewer answer with a head that this vault signed.
 */
export async function askPeers(
  peers: readonly string[],
  identity: Uint8Array,
  fetchHead: FetchHead,
): Promise<Witness[]> {
  const key = identityKey(identity)
  const answers = await Promise.all(
    peers.map(async (address): Promise<Witness[]> => {
      try {
        const head = LogHead.parse(await fetchHead(address))
        const signature = Buffer.from(head.signature, 'base64url')
        if (!verifySignature(key, logHeadPreimage(head), signature)) return []
        return [{ from: address, position: { place: head.place, hash: Buffer.from(head.hash, 'base64url') } }]
      } catch {
        // Down, slow or not a vault: not one of the majority.
        return []
      }
    }),
  )
  const witnesses = answers.flat()
  const nodes = peers.length + 1
  const needed = Math.floor(nodes / 2) + 1
  if (witnesses.length + 1 < needed)
    throw new NoMajority(`${witnesses.length + 1} of ${nodes} nodes answer; ${needed} are needed to compare logs`)
  return witnesses
}

/** Over HTTP, with an end to waiting. */
export async function fetchHeadOverHttp(address: string): Promise<unknown> {
  const answer = await fetch(`${address}/v1/log/head`, { signal: AbortSignal.timeout(3000), redirect: 'error' })
  return answer.json()
}
