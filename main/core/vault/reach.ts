/**
 * From where a host can be reached. Whoever can write to an archive could put a host into its header; these tell
 * whether that would send this computer to itself or to a neighbour instead of out into the world.
 */
import { BlockList, isIP } from 'node:net'

/** `loopback`: this very computer. `private`: its own network. `public`: anything else, as far as the name tells. */
export type Reach = 'loopback' | 'private' | 'public'

const loopback = list([
  ['127.0.0.0', 8, 'ipv4'],
  ['::1', 128, 'ipv6'],
])
const near = list([
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
])
/** Names that mean something only inside a network (RFC 6762, RFC 8375, ICANN's .internal), and names without a dot. */
const nearName = /^[^.]+$|\.(?:local|localhost|lan|home|internal|intranet|corp|private|home\.arpa|localdomain)$/

/** A host as URLs have it: a name in lower case, or an address, IPv6 in brackets or without. */
export function reach(host: string): Reach {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  const version = isIP(bare)
  if (version === 0) return bare === 'localhost' ? 'loopback' : nearName.test(bare) ? 'private' : 'public'
  const family = version === 4 ? 'ipv4' : 'ipv6'
  if (loopback.check(bare, family)) return 'loopback'
  return near.check(bare, family) ? 'private' : 'public'
}

function list(subnets: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): BlockList {
  const all = new BlockList()
  for (const [net, prefix, family] of subnets) all.addSubnet(net, prefix, family)
  return all
}
