import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/{unit,integration,faults,fuzz}/**/*.test.ts'],
    pool: 'forks',
    // Vitest leaves a processor free unless told; most tests wait for processes of their own, and leave theirs free.
    maxWorkers: availableParallelism(),
    // Compiled code of earlier runs: starting one of Coffer's threads or processes takes half the time.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules', '.cache', 'coffer-tests') },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
