#!/usr/bin/env node
/** `coffer`. */
import { underFewArenas } from './few-arenas.ts'

// Before the rest is loaded, since this process may start again.
underFewArenas()
const { runInTerminal } = await import('./terminal.ts')
await runInTerminal()
