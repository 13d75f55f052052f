#!/usr/bin/env node
/** `coffer`. */
import { inLittleMemory } from './little-memory.ts'

// Before the rest is loaded, since this process may start again.
inLittleMemory()
const { runInTerminal } = await import('./terminal.ts')
await runInTerminal()
