/** The storage engines there are, by name. */
import { openPostgres, type PostgresOptions } from './postgres.ts'
import { openSqlite, type SqliteOptions } from './sqlite.ts'
import type { Storage } from './storage.ts'

export type StorageSpec = ({ engine: 'sqlite' } & SqliteOptions) | ({ engine: 'postgres' } & PostgresOptions)

/** Opens the storage that a vault's settings name. StorageUnfit, StorageUnavailable. */
export function openStorage(spec: StorageSpec): Promise<Storage> {
  return spec.engine === 'sqlite' ? openSqlite(spec) : openPostgres(spec)
}
