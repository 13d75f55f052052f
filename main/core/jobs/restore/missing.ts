/** What a salvaging restore could not bring back. */

export interface Missing {
  /** As it is called in the archive; '…' where the list of files itself is damaged and their names are lost. */
  path: string
  /** Pages of a database that are zeros now. */
  pages?: number
  /** Bytes that are not there, or are zeros now. */
  bytes?: number
  /** Files whose names are lost. */
  files?: number
  /** Under which name the rest of the file was kept. */
  kept?: string
}
