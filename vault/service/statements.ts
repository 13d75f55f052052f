/** What the vault says of a record, signed: bad news is believed only so. */
import { RecordId, type Statement } from '../../contract/vault.ts'
import { statement as statementPreimage } from '../../contract/vault-preimages.ts'
import type { Keystore } from '../keystore/keystore.ts'
import type { Position } from '../log/chain.ts'
import type { VaultRecord } from './record.ts'

/** `asked`: the digest by which the asker knows that this is the answer to him and to nothing older. */
export async function makeStatement(
  keystore: Keystore,
  it: { rid: Buffer; record: VaultRecord | undefined; position: Position; now: number; asked: Buffer },
): Promise<Statement> {
  const { rid, record, position, now, asked } = it
  const said: Omit<Statement, 'signature'> = {
    rid: RecordId.parse(rid.toString('base64url')),
    state: record?.state ?? 'none',
    generation: record?.generation ?? 0,
    counter: record?.counter ?? 0,
    attemptsLeft: record?.budget ?? 0,
    at: record?.at ?? 0,
    newest: record?.newest ?? null,
    logHead: position.hash.toString('base64url'),
    logPlace: position.place,
    asked: asked.toString('base64url'),
    now,
  }
  const signature = await keystore.sign(statementPreimage(said))
  return { ...said, signature: Buffer.from(signature).toString('base64url') }
}
