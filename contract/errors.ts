/**
 * Every error a person or a program can meet, with what to do about it.
 *
 * `exit` is the command line's exit code for it (docs/CLI.md); `say` is the sentence for people, `next` what
 * they can do. Both are plain words: a code is never shown without them.
 */

// One line a code, so that the table can be read as one.
// prettier-ignore
const errors = {
  // 1: used only by commands that finish with warnings; warnings carry these codes.
  file_vanished: entry(1, 'A file disappeared while it was being read.', 'It is not in this backup. Run the backup again if you still have the file.'),
  file_changed: entry(1, 'A file kept changing while it was being read.', 'Its earlier copy, if there is one, stays in the backup. Run the backup again later.'),
  file_unreadable: entry(1, 'A file could not be read.', 'Check its permissions, then run the backup again.'),
  file_too_large: entry(1, 'A file is larger than an archive can describe (192 GiB).', 'Keep a copy of it yourself.'),
  link_skipped: entry(1, 'A link was skipped: Coffer keeps files, not what links point to.', 'Give the folder that it points to with --media if it belongs to the messages.'),
  name_changed: entry(1, 'A file was restored under another name, because this computer cannot hold its own name here.', 'The list shows both names.'),
  store_check_failed: entry(1, 'The message store has internal damage (SQLite quick_check).', 'It was backed up as it is. Keep your older backups.'),
  clock_odd: entry(1, 'The clock of this computer and of the destination differ by more than a day.', 'Set the right time.'),
  older_than_known: entry(1, 'This destination is missing backups that this computer knows of.', 'Check that the cloud folder has finished syncing, or that nobody put an older copy in its place.'),
  header_rolled_back: entry(1, 'The archive’s header is older than its backups say.', 'Nothing is lost. Run “coffer verify” and check who can write to this place.'),
  header_rewritten: entry(1, 'The archive’s header names another vault than its backups do.', 'Nothing is lost. Do not type your password before you know who changed it; the 64-digit key is safe to use.'),
  fork: entry(1, 'Two computers wrote to this archive at the same time.', 'All backups can be restored. Let only one computer write from now on.'),
  salvaged: entry(1, 'Parts of the archive are damaged; everything intact was restored.', 'The list shows what is missing.'),
  copy_used: entry(1, 'The archive’s header is damaged or gone; its second copy was used.', 'Nothing is lost. Run a backup to write it anew.'),
  cannot_be_browsed: entry(1, 'The store’s layout is newer than this Coffer knows.', 'It is backed up whole, but Coffer cannot count or show its messages.'),
  vault_rolled_back: entry(1, 'The vault shows an older state than it has shown before.', 'Nothing is lost. Ask whoever runs the vault; until that is explained, rely on the 64-digit key.'),
  vault_evidence: entry(1, 'What the vault tells of this archive’s record does not hold together.', 'Nothing is lost. Rely on the 64-digit key, and ask whoever runs the vault.'),
  passwords_tried: entry(1, 'Wrong passwords were tried for this archive.', 'If that was not you, change your password with “coffer password change”.'),
  record_left: entry(1, 'An earlier password still works at another vault.', 'It will stop when the record there is deleted: ask whoever runs that vault.'),

  // 2: wrong use
  usage: entry(2, 'The command was not understood.', 'See “coffer --help”.'),
  archive_exists: entry(2, 'There is already an archive in this place.', 'Choose another folder, or back up into this one.'),
  not_an_archive: entry(2, 'There is no Coffer archive in this place.', 'Check the path, or make one with “coffer init”.'),
  not_empty: entry(2, 'This folder already holds other files.', 'Choose an empty folder.'),
  key_not_kept: entry(2, 'Nothing would hold the key of the new archive.', 'Give --key-out FILE or --vault URL, or use a computer with a keychain.'),
  only_password: entry(2, 'Nothing you have here but the password would open the archive.', 'Take down its 64-digit key first: “coffer key sheet” makes one to print.'),
  key_file_exists: entry(2, 'The key file exists already and is never overwritten.', 'Choose another name.'),
  no_key: entry(2, 'The 64-digit key is needed.', 'Give --key-file FILE or --password-stdin, or set COFFER_KEY, or run this in a terminal to type it.'),
  wrong_kind: entry(2, 'This archive belongs to another kind of message store.', 'Make a new archive for this store with “coffer init”.'),
  other_writer: entry(2, 'Another computer writes to this archive.', 'If that computer is gone or will no longer back up here, add --take-over.'),
  archive_busy: entry(2, 'Another Coffer on this computer is working on this archive.', 'Wait until it has finished.'),
  no_such_snapshot: entry(2, 'There is no such backup in this archive.', 'See “coffer snapshots”.'),
  no_snapshots: entry(2, 'This archive holds no backup yet.', 'Make one with “coffer backup”.'),
  newest_kept: entry(2, 'The newest backup cannot be deleted.', 'Make a newer one first.'),
  target_occupied: entry(2, 'The folder already holds files of the same name.', 'Choose another folder, or add --overwrite.'),
  nothing_matches: entry(2, 'Nothing in this backup matches.', 'Check the pattern given with --only.'),
  media_not_found: entry(2, 'There is no folder of media at this path.', 'Check the path given with --media; a disk may not be connected.'),
  file_exists: entry(2, 'The file exists already and was left as it is.', 'Choose another name.'),
  file_failed: entry(2, 'This file cannot be read or written.', 'Check its path and permissions.'),
  vault_address: entry(2, 'This is not the address of a vault.', 'An address is https://host, with the port and the #fingerprint if there are any.'),
  vault_not_confirmed: entry(2, 'The archive names a vault that this computer does not know.', 'If it is yours, name it with --vault; otherwise use the 64-digit key.'),
  no_password: entry(2, 'This archive has no password.', 'Use the 64-digit key. “coffer password set” adds a password.'),
  password_weak: entry(2, 'This password is too easy to guess.', 'Choose another: four or five words that have nothing to do with each other will do.'),
  password_unusable: entry(2, 'This cannot be a password.', 'Choose another one.'),
  invite_needed: entry(2, 'This vault takes new records only from people who were invited.', 'Ask whoever runs it for an invite, and give it with --invite.'),

  // 3: wrong key or password
  key_malformed: entry(3, 'This is not a 64-digit key.', 'A key has 64 characters, each 0 to 9 or a to f.'),
  wrong_key: entry(3, 'This key does not open this archive.', 'Check that it is the key of this archive.'),
  wrong_password: entry(3, 'This is not the password.', 'Try again, or use the 64-digit key instead.'),
  destroyed: entry(3, 'The password has stopped working for good: ten wrong ones were tried.', 'Nothing in the archive is lost. The 64-digit key opens it, and “coffer password set” sets a new password with it.'),
  no_record: entry(3, 'The vault holds nothing for this archive, so its password cannot work.', 'Use the 64-digit key; “coffer password set” sets a password with it.'),

  // 4: archive damaged
  header_missing: entry(4, 'The archive’s header (coffer.json) is gone.', 'Put it back from a copy of the folder.'),
  header_altered: entry(4, 'The archive’s header (coffer.json) has been altered or damaged.', 'Put it back from a copy of the folder.'),
  newer_format: entry(4, 'This archive was written by a newer Coffer.', 'Install the newest version.'),
  pack_missing: entry(4, 'A part of the archive is missing.', 'Restore it from a copy of the folder, or use --salvage.'),
  pack_truncated: entry(4, 'A part of the archive has the wrong length.', 'Restore it from a copy of the folder, or use --salvage.'),
  pack_altered: entry(4, 'A part of the archive has been altered or damaged.', 'Restore it from a copy of the folder, or use --salvage.'),
  manifest_missing: entry(4, 'The description of a backup is missing.', 'Restore it from a copy of the folder; the other backups can be used.'),
  manifest_altered: entry(4, 'The description of a backup has been altered or damaged.', 'Restore it from a copy of the folder; the other backups can be used.'),
  map_damaged: entry(4, 'The table of contents of a backup does not fit its contents.', 'Use another backup, or --salvage.'),
  chain_broken: entry(4, 'A backup refers to an earlier one that is neither here nor was deleted.', 'Someone or something removed it. The others can be used.'),
  restored_damaged: entry(4, 'The restored database fails SQLite’s check, though every page is as it was backed up.', 'The store was damaged before the backup. Use an older backup.'),
  unknown_object: entry(4, 'There is an object in the archive that does not belong to it.', 'It does no harm. Remove it if you know where it came from.'),
  crypt15_damaged: entry(4, 'This encrypted file is damaged or not a WhatsApp backup.', 'Copy it from the phone again.'),

  // 5: destination
  destination_unreachable: entry(5, 'The place of the archive cannot be reached.', 'Connect the disk or the network and run it again; what is done is kept.'),
  destination_full: entry(5, 'The place of the archive is full.', 'Make room and run it again; what is done is kept.'),
  destination_read_only: entry(5, 'The place of the archive cannot be written to.', 'Check its permissions and run it again.'),
  destination_failed: entry(5, 'The place of the archive answered with an error.', 'Run it again; what is done is kept.'),
  object_exists: entry(5, 'An object of this name is there already.', 'Run it again.'),
  local_full: entry(5, 'This computer’s disk is full.', 'Make room and run it again; what is done is kept.'),
  home_failed: entry(5, 'The folder in which Coffer remembers things on this computer cannot be written to.', 'Check its permissions, or set COFFER_HOME to another folder.'),
  target_failed: entry(5, 'The folder to restore to cannot be written to.', 'Check the folder and its permissions, then run it again.'),
  keychain_unavailable: entry(5, 'This computer’s keychain cannot be used.', 'Unlock it or use --key-file instead.'),
  vault_unreachable: entry(5, 'The vault cannot be reached.', 'Check the network and try again; the 64-digit key works without the vault.'),
  vault_unavailable: entry(5, 'The vault cannot answer for now.', 'Try again later; the 64-digit key works without the vault.'),
  vault_waits: entry(5, 'The vault makes everybody wait before the next try.', 'Wait, then try again; the 64-digit key works at once.'),
  vault_failed: entry(5, 'The vault gave an answer that is no answer.', 'Nothing was changed here. Try again; if it stays so, ask whoever runs the vault, and use the 64-digit key.'),
  vault_not_genuine: entry(5, 'This is not the vault that holds the key of this archive.', 'Do not type your password. Check the address, or use the 64-digit key.'),
  vault_refused: entry(5, 'The vault refused.', 'Check that this computer’s clock is right, then try again.'),
  vault_upgrade: entry(5, 'The vault speaks another version than this Coffer.', 'Install the newest version.'),
  record_changed: entry(5, 'Another computer changed the password at the same moment.', 'Find out which of the two is to be the password, and run it again.'),
  password_failed: entry(5, 'The program that works with the password ended before it was done.', 'It needs 300 MB of memory, or more if the vault says so: make room and try again.'),

  // 6: store
  store_not_found: entry(6, 'There is no message store at this path.', 'See “coffer detect” for the stores on this computer.'),
  store_locked: entry(6, 'The message store is locked by another program.', 'Close that program or try again later.'),
  store_encrypted: entry(6, 'This database is encrypted or not a database.', 'Coffer can only read stores that are plain SQLite databases.'),
  store_empty: entry(6, 'The message store is an empty file.', 'Open the messenger once, then try again.'),
  store_corrupt: entry(6, 'The message store cannot be read: it is damaged.', 'Repair it in its own program, or restore an older backup.'),
  store_unsupported: entry(6, 'Coffer cannot read this messenger’s store.', 'Use the messenger’s own backup.'),
  store_no_permission: entry(6, 'This computer does not let Coffer read the message store.', 'Give Coffer access in the system settings (on macOS: Full Disk Access).'),
  store_changed: entry(6, 'The message store changed while it was being copied, each time it was tried.', 'Close the messenger or try again later.'),
  crypt14_unsupported: entry(6, 'This is an older kind of encrypted WhatsApp backup (crypt14), whose key never leaves the phone.', 'On the phone, turn on WhatsApp’s end-to-end encrypted backup with a 64-digit key, make a backup, and copy the new file.'),
  crypt15_not_messages: entry(6, 'This encrypted WhatsApp backup holds other things than messages, such as stickers or wallpapers.', 'Take the file whose name begins with “msgstore.db”.'),

  // 70: a mistake of ours
  unexpected: entry(70, 'Something went wrong inside Coffer.', 'What was backed up before is not touched. Run it again; if it happens again, please report these lines.'),

  cancelled: entry(130, 'Cancelled.', 'What is done so far will be used next time.'),
} as const

export type ErrorCode = keyof typeof errors

/** The sentence for people, the next step and the exit code of an error code. */
export function describe(code: ErrorCode): { exit: number; say: string; next: string } {
  return errors[code]
}

/** All codes, for tests that every one is provoked and every one has words. */
export const errorCodes = Object.keys(errors) as ErrorCode[]

/** Facts about an error that help: which object, which path, which number. Never a key, a password or message text. */
export type Detail = Readonly<Record<string, string | number | boolean | null>>

/**
 * An expected failure on its way to whoever asked. Inside core it travels as an exception, because the pipelines
 * it interrupts are deep; at the edge of a process (`settle` in main/core/jobs) it becomes a value. Any other
 * exception is a bug.
 */
export class CofferError extends Error {
  readonly code: ErrorCode
  readonly detail: Detail
  constructor(code: ErrorCode, detail: Detail = {}, options?: { cause?: unknown }) {
    super(`${code}: ${errors[code].say}`, options)
    this.name = 'CofferError'
    this.code = code
    this.detail = detail
  }
}

/** Something that did not stop the work but that the person must know. */
export interface Warning {
  code: ErrorCode
  detail: Detail
}

function entry(exit: number, say: string, next: string): { exit: number; say: string; next: string } {
  return { exit, say, next }
}
