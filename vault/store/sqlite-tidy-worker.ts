/**
 * A thread that copies the write-ahead log into the database. It takes tens of milliseconds of waiting for the disk,
 * which no group should have to stand behind: a passive checkpoint gets in nobody's way.
 */
import { parentPort } from 'node:worker_threads'
import Database from 'better-sqlite3'

parentPort?.on('message', (file: string) => {
  try {
    // Opened anew each time, so that it is always the file that is there now. This is the same SQLite as the other
    // threads', and so closing it drops none of their locks.
    const db = new Database(file, { fileMustExist: true, timeout: 0 })
    try {
      db.pragma('synchronous = FULL')
      db.pragma('checkpoint_fullfsync = ON')
      db.pragma('wal_checkpoint(PASSIVE)')
    } finally {
      db.close()
    }
  } catch {
    // Busy, or gone: the next time, or the group that finds the log too long, will see to it.
  }
  parentPort?.postMessage('done')
})
