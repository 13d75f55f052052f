import { afterAll } from 'vitest'
import { keystoreConformance } from './keystore-conformance.ts'
import { startSoftHsm } from './softhsm.ts'

const softHsm = startSoftHsm()
afterAll(() => softHsm.end())

keystoreConformance('PKCS#11', async () => ({ spec: softHsm.token(), other: softHsm.token() }))
