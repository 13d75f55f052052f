/** Memory of all processes together, and whether time and memory follow the size of the store. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { LiveStore } from './live-store.ts'
import { sync } from './run-program.ts'
import type { Samples } from './samples.ts'
import type { Tool } from './tool.ts'

export interface Scale {
  /** The store, and one of a tenth of its size. */
  stores: { whole: LiveStore; tenth: LiveStore }
  folder: string
  tools: readonly Tool[]
  times: number
  samples: Samples
  say: (text: string) => void
}

/** Full backup at both sizes; at the whole size also verify, restore and the day after. */
export async function measureScale({ stores, folder, tools, times, samples, say }: Scale): Promise<void> {
  for (let i = 0; i < times; i++) {
    for (const tool of tools) {
      for (const [size, live] of Object.entries(stores)) {
        say(`memory, ${size}, ${tool.name}`)
        live.become('base')
        const place = join(folder, `${tool.name}-${size}`)
        const inUse = await tool.begin(live, place)
        const watch = { watchMemory: true }
        await sync()
        const full = await inUse.backup(watch)
        samples.add(`memory full ${size}, bytes`, tool.name, full.peak)
        samples.add(`watched full ${size}, seconds`, tool.name, full.seconds)
        if (size === 'whole') {
          samples.add('memory verify, bytes', tool.name, (await inUse.verify(watch)).peak)
          samples.add('memory restore, bytes', tool.name, (await inUse.restore(join(place, 'restored'), watch)).peak)
          live.become('day')
          samples.add('memory day, bytes', tool.name, (await inUse.backup(watch)).peak)
        }
        rmSync(place, { recursive: true })
      }
    }
  }
}
