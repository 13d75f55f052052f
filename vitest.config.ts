import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/{unit,integration,faults,fuzz}/**/*.test.ts'],
    pool: 'forks',
    // Compiled code of earlier runs: starting one of Coffer's threads or processes takes half the time.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules', '.cache', 'coffer-tests') },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
