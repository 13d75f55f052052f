#!/usr/bin/env python3
"""Recomputes every value of values.json from docs/VAULT.md, with Python's own hashlib and nothing of Coffer's.

Prints {"differ": [names]} and ends with 1 if there are any.
"""
import base64
import hashlib
import json
import pathlib
import sys

values = json.loads((pathlib.Path(__file__).parent / 'values.json').read_text('utf-8'))
raw = bytes.fromhex
differ = []
seen = 0


def same(name, found, expected):
    global seen
    seen += 1
    if (found.hex() if isinstance(found, bytes) else found) != expected:
        differ.append(name)


def u(text):
    """base64url without padding."""
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def F(*fields):
    out = b''
    for field in fields:
        if isinstance(field, str):
            field = field.encode('utf-8')
        elif isinstance(field, int):
            field = field.to_bytes(8, 'little')
        out += len(field).to_bytes(4, 'little') + field
    return out


def B(data, key=b''):
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


def kdf(key, number, context):
    """libsodium's crypto_kdf: BLAKE2b of nothing, with salt and personalisation."""
    salt = number.to_bytes(8, 'little') + bytes(8)
    return hashlib.blake2b(b'', digest_size=32, key=key, salt=salt, person=context + bytes(8)).digest()


for at, it in enumerate(values['fields']):
    same(f'fields {at}', F(*it['of']), it['bytes'])

rid = B(b'coffer-rid-1' + raw(values['record']['ownerKey']))
same('record.rid', rid, values['record']['rid'])

for at, it in enumerate(values['ownerRequests']):
    of = it['of']
    body = hashlib.sha512(of['body'].encode('utf-8')).digest()
    named = ('coffer-owner-1', of['method'], of['path'], u(of['fingerprint']), u(of['rid']))
    same(f'ownerRequests {at}', F(*named, of['generation'], u(of['requestId']), of['time'], body), it['bytes'])

of = values['newest']['of']
same('newest', F('coffer-newest-1', rid, of['number'], u(of['identity'])), values['newest']['bytes'])

of = values['registration']['of']
answer = (u(of['request']), u(of['response']), u(of['ticket']))
same('registration', F('coffer-registration-1', rid, *answer, of['expiresAt']), values['registration']['bytes'])

before = bytes(32)
for at, it in enumerate(values['receipts']):
    of = it['of']
    cost = of['stretching']
    same(f'receipts {at} before', u(of['before']), before.hex())
    preimage = F(
        'coffer-receipt-1', u(of['rid']), of['number'], of['kind'], of['generation'], of['attempt'],
        of['attemptsLeft'], of['counter'], of['at'], u(of['message']),
        cost['memory'], cost['passes'], cost['parallelism'], u(of['before']),
    )  # fmt: skip
    before = B(preimage)
    same(f'receipts {at}', preimage, it['bytes'])
    same(f'receipts {at} digest', before, it['digest'])

for at, it in enumerate(values['statements']):
    of = it['of']
    newest = of['newest']
    told = F(newest['number'], u(newest['identity']), u(newest['signature'])) if newest else b''
    state = (of['state'], of['generation'], of['counter'], of['attemptsLeft'], of['at'])
    log = (u(of['logHead']), of['logPlace'])
    preimage = F('coffer-statement-1', u(of['rid']), *state, told, *log, u(of['asked']), of['now'])
    same(f'statements {at}', preimage, it['bytes'])

of = values['logHead']['of']
same('logHead', F('coffer-log-head-1', of['place'], u(of['hash'])), values['logHead']['bytes'])

digests = values['digests']
for name, tag in (('firstMessage', 'coffer-first-1'), ('askedByOwner', 'coffer-asked-1')):
    same(f'digests.{name}', B(F(tag, raw(digests[name]['of']))), digests[name]['digest'])
same('digests.row', B(F('coffer-row-1', rid, raw(digests['row']['of']))), digests['row']['digest'])

keys = values['keys']
cost = keys['stretching']
root = B(F('coffer-export-1'), raw(keys['exportKey']))
wrapping = F(
    'coffer-wrap-1', rid, keys['generation'], cost['memory'], cost['passes'], cost['parallelism']
)
commitment_key = kdf(root, 2, b'cofferwr')
commitment = F('coffer-commitment-1', wrapping, raw(keys['nonce']), raw(keys['sealed']))
same('keys.root', root, keys['root'])
same('keys.wrapKey', kdf(root, 1, b'cofferwr'), keys['wrapKey'])
same('keys.commitmentKey', commitment_key, keys['commitmentKey'])
same('keys.wrapping', wrapping, keys['wrapping'])
same('keys.commitment', B(commitment, commitment_key), keys['commitment'])
release_key = B(F('coffer-release-key-1', rid, keys['generation']), raw(keys['sessionKey']))
same('keys.releaseKey', release_key, keys['releaseKey'])
same('keys.release', F('coffer-release-1', rid, keys['generation'], raw(keys['message'])), keys['release'])

position = bytes(32)
for it in values['log']['entries']:
    entry = (it['place'], raw(it['rid']), it['counter'], raw(it['digest']))
    position = B(F('coffer-log-1', position, *entry))
    same(f'log {it["place"]}', position, it['hash'])
head = values['log']['head']
place = values['log']['entries'][-1]['place']
same('log.head', F('coffer-vault-head-1', place, position, head['epoch']), head['bytes'])

print(json.dumps({'differ': differ, 'seen': seen}))
sys.exit(1 if differ else 0)
