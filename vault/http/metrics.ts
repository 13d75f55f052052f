/** What can be counted without naming anybody, in Prometheus' format. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

export interface Metrics {
  observe: (step: string, milliseconds: number, status: number) => void
  evaluated: (it: { repeated: boolean }) => void
  released: () => void
  destroyed: (count: number) => void
  trouble: (kind: string) => void
  text: () => Promise<string>
}

/** `position`, `rows` and `ready` are asked when somebody looks. */
export function createMetrics(look: { position: () => number; rows: () => number; ready: () => boolean }): Metrics {
  const registers = [new Registry()]
  const [register = new Registry()] = registers
  collectDefaultMetrics({ register })
  const latency = new Histogram({
    name: 'coffer_vault_request_seconds',
    help: 'Time to answer, by step',
    labelNames: ['step', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers,
  })
  const attempts = new Counter({
    name: 'coffer_vault_attempts_total',
    help: 'Evaluated first messages; repeated ones were not charged',
    labelNames: ['repeated'],
    registers,
  })
  const released = new Counter({ name: 'coffer_vault_released_total', help: 'Right passwords', registers })
  const destroyed = new Counter({ name: 'coffer_vault_destroyed_total', help: 'Records destroyed', registers })
  const trouble = new Counter({
    name: 'coffer_vault_trouble_total',
    help: 'What an operator should look at',
    labelNames: ['kind'],
    registers,
  })
  gauge('coffer_vault_log_place', 'Changes of all records so far', look.position)
  gauge('coffer_vault_records', 'Records, tombstones counted', look.rows)
  gauge('coffer_vault_ready', '1 when the node answers', () => (look.ready() ? 1 : 0))

  function gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  }

  return {
    observe: (step, milliseconds, status) => latency.observe({ step, status: String(status) }, milliseconds / 1000),
    evaluated: ({ repeated }) => attempts.inc({ repeated: String(repeated) }),
    released: () => released.inc(),
    destroyed: (count) => destroyed.inc(count),
    trouble: (kind) => trouble.inc({ kind }),
    text: () => register.metrics(),
  }
}
