#!/usr/bin/env node
/** `coffer-vault`. */
import { main } from './cli/program.ts'

process.exitCode = await main({
  args: process.argv.slice(2),
  env: process.env,
  say: (text) => void process.stdout.write(`${text}\n`),
  warn: (text) => void process.stderr.write(`${text}\n`),
  untilToldToEnd: () =>
    new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
    }),
})
