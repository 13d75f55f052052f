/** Which steps of `npm test` to run. */

/**
 * @param {string[]} names all steps
 * @param {string[]} args `--only a,b`, `--without c`; the rest is handed on
 * @returns {{ chosen: string[], rest: string[] }} in the order of `names`
 * @throws when a step is named that does not exist: a typing slip must not look like success
 */
export function choose(names, args) {
  let chosen = names
  /** @type {string[]} */
  const rest = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (arg !== '--only' && arg !== '--without') {
      if (arg !== '--') rest.push(arg)
      continue
    }
    const named = (args[++at] ?? '').split(',')
    const unknown = named.filter((name) => !names.includes(name))
    if (unknown.length > 0) throw new Error(`no such step: “${unknown.join(', ')}”. Steps: ${names.join(', ')}`)
    chosen = chosen.filter((name) => named.includes(name) === (arg === '--only'))
  }
  return { chosen, rest }
}
