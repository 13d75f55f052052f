import { memoryDestination } from '../../fixtures/memory-destination.ts'
import { destinationConformance } from './conformance.ts'

destinationConformance('destination in memory', () => {
  const one = memoryDestination()
  return Promise.resolve({ one, other: one })
})
