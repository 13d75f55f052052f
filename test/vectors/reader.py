#!/usr/bin/env python3
"""A reader of Coffer archives, written from docs/FORMAT.md alone: it shares no code with Coffer itself.

    reader.py list     ARCHIVE
    reader.py restore  ARCHIVE TARGET [SNAPSHOT]

The 64 digits are taken from the environment variable COFFER_KEY. The answer is one JSON document on standard output;
the exit code is 1 where the archive is damaged or the key is wrong. It wants python3-nacl and python3-zstandard.

It is made for being read next to the specification, not for speed: it holds a database's map in memory.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import struct
import sys

import zstandard
from nacl import bindings as sodium

# Limits (19)
KIB, MIB = 1024, 1024 * 1024
MAX_HEADER = 16 * KIB
MAX_BLOB = 4 * MIB
SEAL = 40
MAX_PACK = 32 * MIB
MAX_JSON = MIB
MAX_MANIFEST = 1_179_978
MAX_ENTRIES = 65_536
MAX_PATH = 32 * KIB
MAX_PIECES = 49_152
MAX_NUMBER = 2**53 - 1
MAX_TIME = 8_640_000_000_000_000

PAGES, PIECE, MAP, FILES, ROOT, PADDING, INDEX, FORGOTTEN = range(1, 9)


class Damage(Exception):
    """What section 20 lists: a code, the object it concerns, and a reason in words."""

    def __init__(self, code, obj=None, reason=''):
        super().__init__(f'{code}: {obj or ""} {reason}')
        self.code, self.object, self.reason = code, obj, reason

    def line(self):
        return {'code': self.code, 'object': self.object, 'reason': self.reason}


class Malformed(Exception):
    """Bytes that break a rule; whoever knows the object turns it into Damage."""


def require(condition, reason):
    if not condition:
        raise Malformed(reason)


# 1. Conventions


def u8(n):
    return struct.pack('<B', n)


def u32(n):
    return struct.pack('<I', n)


def u64(n):
    return struct.pack('<Q', n)


def i64(n):
    return struct.pack('<q', n)


def lp(*fields):
    return b''.join(u32(len(field)) + field for field in fields)


def H(key, length, data):
    return hashlib.blake2b(data, key=key, digest_size=length).digest()


def same(a, b):
    return hmac.compare_digest(a, b)


class Table:
    """Reads a table from its first byte to its last."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        require(length <= len(self.data) - self.at, 'a field reaches beyond the end')
        self.at += length
        return self.data[self.at - length : self.at]

    def _number(self, form, length):
        return struct.unpack(form, self.take(length))[0]

    def u8(self):
        return self._number('<B', 1)

    def u32(self):
        return self._number('<I', 4)

    def u64(self):
        value = self._number('<Q', 8)
        require(value <= MAX_NUMBER, 'a number is too large')
        return value

    def i64(self):
        return self._number('<q', 8)

    def field(self, most):
        length = self.u32()
        require(length <= most, 'a field is too long')
        return self.take(length)

    def exactly(self, length):
        field = self.field(length)
        require(len(field) == length, 'a field has the wrong length')
        return field

    def count(self, least):
        """A count of things of at least `least` bytes each."""
        count = self.u32()
        require(count * least <= len(self.data) - self.at, 'a count is larger than its table')
        return count

    def end(self):
        require(self.at == len(self.data), 'there are bytes after the end')


def unzstd(frame, most):
    try:
        stated = zstandard.get_frame_parameters(frame).content_size
        require(stated == zstandard.CONTENTSIZE_UNKNOWN or stated <= most, 'it decompresses to too much')
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=most)
    except zstandard.ZstdError as error:
        raise Malformed(f'it does not decompress: {error}') from error


# 3. Keys

SUBKEYS = {
    'blobs': 1,
    'manifests': 2,
    'keyCheck': 3,
    'headerMac': 4,
    'pageHash': 5,
    'pieceHash': 6,
    'digest': 7,
    'identity': 8,
}


def subkey(key, number):
    return hashlib.blake2b(
        b'',
        key=key,
        digest_size=32,
        salt=number.to_bytes(8, 'little') + bytes(8),
        person=b'coffer01' + bytes(8),
    ).digest()


def read_digits(text):
    digits = re.sub(r'[\s-]', '', text).lower()
    if not re.fullmatch('[0-9a-f]{64}', digits):
        raise SystemExit('COFFER_KEY must hold 64 hexadecimal digits')
    return bytes.fromhex(digits)


class Keys:
    def __init__(self, key):
        for name, number in SUBKEYS.items():
            setattr(self, name, subkey(key, number))


# 5. Header


def encode_header(body, mac):
    text = [base64.urlsafe_b64encode(part).rstrip(b'=').decode() for part in (body, mac)]
    return f'{{"coffer":1,"body":"{text[0]}","mac":"{text[1]}"}}\n'.encode()


def key_check(keys, archive):
    return H(keys.keyCheck, 16, lp(b'coffer-check-1', archive))


def read_body(body):
    table = Table(body)
    require(table.field(64) == b'coffer-header-1', 'the body is not a header’s')
    header = {'number': table.u64(), 'archive': table.exactly(16), 'check': table.exactly(16), 'vault': None}
    vault = table.field(4096)
    table.end()
    if vault:
        inner = Table(vault)
        header['vault'] = {'address': inner.field(2048), 'fingerprint': inner.exactly(32), 'record': inner.exactly(32)}
        inner.end()
    return header


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool)


def read_header(data, keys, obj):
    """The steps of section 5, in their order."""

    def altered(reason):
        return Damage('header_altered', obj, reason)

    if len(data) > MAX_HEADER:
        raise altered('too long')
    try:
        outer = json.loads(data.decode('utf-8'))
    except ValueError as error:
        raise altered('not JSON') from error
    if isinstance(outer, dict) and is_number(outer.get('coffer')) and outer['coffer'] > 1:
        raise Damage('newer_format', obj)
    if not isinstance(outer, dict) or set(outer) != {'coffer', 'body', 'mac'}:
        raise altered('not a header')
    texts = (outer['body'], outer['mac'])
    if not is_number(outer['coffer']) or outer['coffer'] < 1 or not all(isinstance(text, str) for text in texts):
        raise altered('not a header')
    if len(outer['mac']) > 64:
        raise altered('not a header')
    try:
        body, mac = (base64.urlsafe_b64decode(text + '=' * (-len(text) % 4)) for text in texts)
    except ValueError as error:
        raise altered('not base64url') from error
    if encode_header(body, mac) != data:
        raise altered('not spelled as a header is')
    try:
        header = read_body(body)
    except Malformed as error:
        raise altered(str(error)) from error
    if not same(key_check(keys, header['archive']), header['check']):
        raise Damage('wrong_key')
    if len(mac) != 32 or not same(H(keys.headerMac, 32, body), mac):
        raise altered('the MAC does not fit')
    return header


# 4. Objects

MANIFEST_NAME = re.compile(r'snapshots/([0-9]{8})-([0-9a-f]{16})\.([1-9][0-9]{0,8})')
PACK_NAME = re.compile(r'packs/[0-9a-f]{32}')


class Folder:
    """A destination that is a folder."""

    def __init__(self, path):
        self.path = path

    def list(self, folder):
        try:
            entries = sorted(os.scandir(os.path.join(self.path, folder)), key=lambda entry: entry.name)
        except FileNotFoundError:
            return []
        return [
            (f'{folder}/{entry.name}', entry.stat(follow_symlinks=False).st_size)
            for entry in entries
            if not entry.name.startswith('.') and entry.is_file(follow_symlinks=False)
        ]

    def get(self, name, offset, length):
        """At most `length` bytes; None where there is no such object."""
        path = os.path.join(self.path, name)
        if os.path.islink(path) or not os.path.isfile(path):
            return None
        with open(path, 'rb') as file:
            file.seek(offset)
            return file.read(length)


# 6. Blobs


class Place:
    __slots__ = ('pack', 'size', 'ordinal', 'offset', 'length', 'compressed')

    def __init__(self, pack, size, ordinal, offset, length, compressed):
        self.pack, self.size, self.ordinal = pack, size, ordinal
        self.offset, self.length, self.compressed = offset, length, compressed

    @property
    def object(self):
        return f'packs/{self.pack.hex()}'


def blob_label(archive, pack, kind, ordinal, compressed):
    return lp(b'coffer-blob-1', archive, pack, u8(kind), u32(ordinal), u8(compressed))


def open_blob(keys, archive, place, kind, sealed):
    require(SEAL <= len(sealed) <= MAX_BLOB + SEAL, 'a blob has an impossible length')
    label = blob_label(archive, place.pack, kind, place.ordinal, place.compressed)
    try:
        plain = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], label, sealed[:24], keys.blobs)
    except Exception as error:
        raise Malformed('a blob does not open') from error
    return unzstd(plain, MAX_BLOB) if place.compressed else plain


# 7. Packs


def padme(n):
    if n < 2:
        return n
    e = n.bit_length() - 1
    s = e.bit_length()
    step = 2 ** max(0, e - s)
    return -(-n // step) * step


def read_trailer(trailer, pack, size):
    """The place of the index."""
    table = Table(trailer)
    require(table.take(8) == b'cofferpk', 'the trailer is not a pack’s')
    length, ordinal = table.u32(), table.u32()
    table.end()
    offset = size - 16 - length
    require(size <= MAX_PACK and length >= SEAL and offset >= 0, 'the trailer points outside the pack')
    return Place(pack, size, ordinal, offset, length, 0)


def read_index(plain, index):
    """[(kind, place, hashes)] from the plain bytes of the index at place `index`."""
    table = Table(plain)
    blobs, offset = [], 0
    for ordinal in range(table.count(10)):
        kind, compressed, length = table.u8(), table.u8(), table.u32()
        hashes = table.field(MAX_BLOB)
        require(1 <= kind <= 8 and compressed <= 1, 'the index names an unknown kind of blob')
        require(SEAL <= length <= MAX_BLOB + SEAL, 'the index names a blob of an impossible length')
        each = {PAGES: 16, PIECE: 32}.get(kind)
        require(len(hashes) % each == 0 if each else not hashes, 'the index has a broken hash')
        blobs.append((kind, Place(index.pack, index.size, ordinal, offset, length, compressed), hashes))
        offset += length
    table.end()
    require(offset == index.offset and len(blobs) == index.ordinal, 'the index does not fit its pack')
    return blobs


# 8. Tables


def read_places(table, own):
    """8.1; `own` is the place of the blob that holds the table."""
    packs = []
    for _ in range(table.count(20)):
        pack, size = table.take(16), table.u32()
        require(size <= MAX_PACK, 'a pack is too large')
        require(size > 0 or pack == own.pack, 'a pack without a size')
        packs.append((pack, size or own.size))
    places = []
    for _ in range(table.count(17)):
        row, ordinal, offset, length, compressed = struct.unpack('<IIIIB', table.take(17))
        require(row < len(packs), 'a blob in no pack')
        pack, size = packs[row]
        require(compressed <= 1 and offset + length <= size, 'a blob lies outside its pack')
        require(SEAL <= length <= MAX_BLOB + SEAL, 'a blob has an impossible length')
        places.append(Place(pack, size, ordinal, offset, length, compressed))
    return places


def read_root(plain, kind, own):
    """8.2: [(place, entries, first, last)]."""
    table = Table(plain)
    require(table.u8() == kind, 'a root of another kind')
    places = read_places(table, own)
    size = {MAP: 4, FORGOTTEN: 32}.get(kind)

    def ordered(key):
        return struct.unpack('<I', key)[0] if kind == MAP else key

    blobs = []
    for _ in range(table.count(16)):
        row, entries = table.u32(), table.u32()
        first, last = table.field(MAX_PATH), table.field(MAX_PATH)
        require(row < len(places) and 1 <= entries <= MAX_ENTRIES, 'a root names no blob')
        require(size is None or len(first) == len(last) == size, 'a root has a broken key')
        first, last = ordered(first), ordered(last)
        require(first <= last and (not blobs or blobs[-1][3] < first), 'a root is not in order')
        blobs.append((places[row], entries, first, last))
    table.end()
    return blobs


def read_map(plain, own):
    """8.3: [(page, (place, index, hash))]."""
    table = Table(plain)
    places = read_places(table, own)
    n = table.count(26)
    require(n <= MAX_ENTRIES, 'too many entries')
    pages = struct.unpack(f'<{n}I', table.take(4 * n))
    rows = struct.unpack(f'<{n}I', table.take(4 * n))
    indexes = struct.unpack(f'<{n}H', table.take(2 * n))
    hashes = table.take(16 * n)
    table.end()
    require(all(a < b for a, b in zip(pages, pages[1:])), 'pages are not in order')
    require(all(row < len(places) for row in rows), 'a page names no blob')
    return [(pages[i], (places[rows[i]], indexes[i], hashes[16 * i : 16 * i + 16])) for i in range(n)]


def read_list(plain, own):
    """8.4: [(path, file or None)]."""
    table = Table(plain)
    places = read_places(table, own)
    entries = []
    for _ in range(table.count(5)):
        path, kind = table.field(MAX_PATH), table.u8()
        require(path and (not entries or entries[-1][0] < path), 'paths are not in order')
        require(kind <= 1, 'an unknown kind of entry')
        entries.append((path, read_file(table, places) if kind == 1 else None))
    table.end()
    return entries


def read_file(table, places):
    file = {'size': table.u64(), 'modified': table.i64(), 'digest': table.take(32), 'pieces': []}
    count = table.count(36)
    require(count <= MAX_PIECES and count == -(-file['size'] // MAX_BLOB), 'a file has the wrong number of pieces')
    for _ in range(count):
        row, piece = table.u32(), table.take(32)
        require(row < len(places), 'a piece names no blob')
        file['pieces'].append((places[row], piece))
    return file


def read_forgotten(plain, _own):
    """8.5: [(identity, predecessor or None)]."""
    table = Table(plain)
    rows = []
    n = table.count(64)
    require(n <= MAX_ENTRIES, 'too many entries')
    for _ in range(n):
        identity, before = table.take(32), table.take(32)
        require(not rows or rows[-1][0] < identity, 'identities are not in order')
        rows.append((identity, before if any(before) else None))
    table.end()
    return rows


READERS = {MAP: read_map, FILES: read_list, FORGOTTEN: read_forgotten}


# 10. Content hashes and digests


def page_hash(keys, page):
    return H(keys.pageHash, 16, page)


def piece_hash(keys, piece):
    return H(keys.pieceHash, 32, piece)


def database_digest(keys, page_size, hashes):
    return H(keys.digest, 32, lp(b'coffer-database-1', u32(page_size), u64(len(hashes))) + b''.join(hashes))


def file_digest(keys, size, pieces):
    return H(keys.digest, 32, lp(b'coffer-file-1', u64(size), b''.join(pieces)))


def file_field(path, file):
    return lp(path) + u64(file['size']) + i64(file['modified']) + file['digest']


def list_digest(keys, files):
    return H(keys.digest, 32, lp(b'coffer-files-1') + b''.join(file_field(*entry) for entry in files))


# 11. Manifests


def manifest_label(archive, seq, snapshot, revision):
    return lp(b'coffer-manifest-1', archive, u64(seq), snapshot, u32(revision))


def open_stream(data, key, label):
    """The plain bytes of a secretstream of pushes of 65,536 bytes."""
    require(41 <= len(data) <= MAX_MANIFEST, 'an impossible length')
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, data[:24], key)
    plain = b''
    for at in range(24, len(data), 65_553):
        push = data[at : at + 65_553]
        require(len(push) >= 17, 'a push is too short')
        try:
            part, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(state, push, label)
        except Exception as error:
            raise Malformed('it does not open') from error
        require((tag == 3) == (at + 65_553 >= len(data)), 'it was cut or continued')
        plain += part
    return plain


def unpad(plain):
    n = Table(plain).u32()
    require(n <= len(plain) - 4, 'broken padding')
    require(not any(plain[4 + n :]), 'broken padding')
    return plain[4 : 4 + n]


def number(least, most):
    return lambda value: is_number(value) and least <= value <= most


def hexadecimal(length):
    return lambda value: isinstance(value, str) and re.fullmatch(f'[0-9a-f]{{{2 * length}}}', value) is not None


def text(least, most):
    def check(value):
        try:
            return isinstance(value, str) and least <= len(value.encode('utf-16-le')) // 2 <= most
        except UnicodeEncodeError:
            return False

    return check


def nullable(check):
    return lambda value: value is None or check(value)


def array(check, most):
    return lambda value: isinstance(value, list) and len(value) <= most and all(check(item) for item in value)


def members(**checks):
    def check(value):
        return isinstance(value, dict) and set(value) == set(checks) and all(checks[k](value[k]) for k in checks)

    return check


COUNT = number(0, MAX_NUMBER)
SMALL = number(0, 2**32 - 1)
TIME = number(-MAX_TIME, MAX_TIME)
LAYERS = array(
    members(
        pack=hexadecimal(16),
        size=number(1, MAX_PACK),
        ordinal=SMALL,
        offset=SMALL,
        length=number(SEAL, MAX_BLOB + SEAL),
        compressed=lambda value: isinstance(value, bool),
        entries=COUNT,
    ),
    64,
)
MANIFEST = members(
    format=lambda value: is_number(value) and value == 1,
    archive=hexadecimal(16),
    seq=number(1, 99_999_999),
    snapshot=hexadecimal(8),
    revision=number(1, 999_999_999),
    identity=hexadecimal(32),
    predecessor=nullable(hexadecimal(32)),
    createdAt=TIME,
    kind=text(1, 64),
    chats=COUNT,
    messages=COUNT,
    newest=nullable(TIME),
    writer=hexadecimal(16),
    header=members(
        number=COUNT,
        vault=nullable(members(address=text(0, 2048), fingerprint=hexadecimal(32), record=hexadecimal(32))),
    ),
    vaultSeen=nullable(members(counter=COUNT, logHead=hexadecimal(32))),
    databases=array(
        members(
            path=text(1, 1024),
            pageSize=lambda value: number(512, 65_536)(value) and value & (value - 1) == 0,
            pages=SMALL,
            digest=hexadecimal(32),
            layers=LAYERS,
        ),
        1024,
    ),
    files=members(count=COUNT, bytes=COUNT, digest=hexadecimal(32), layers=LAYERS),
    forgotten=members(count=COUNT, layers=LAYERS),
    added=COUNT,
)


# 12. Snapshots, revisions, identity


def identity_preimage(it):
    databases = [
        lp(db['path'].encode(), u32(db['pageSize']), u64(db['pages']), bytes.fromhex(db['digest']))
        for db in it['databases']
    ]
    files = it['files']
    return lp(
        b'coffer-identity-1',
        bytes.fromhex(it['archive']),
        u64(it['seq']),
        bytes.fromhex(it['snapshot']),
        i64(it['createdAt']),
        it['kind'].encode(),
        u64(it['chats']),
        u64(it['messages']),
        b'' if it['newest'] is None else i64(it['newest']),
        lp(*databases),
        lp(u64(files['count']), u64(files['bytes']), bytes.fromhex(files['digest'])),
        b'' if it['predecessor'] is None else bytes.fromhex(it['predecessor']),
    )


def identify(keys, it):
    return H(keys.identity, 32, identity_preimage(it)).hex()


def parse_manifest(plain, name, archive, keys):
    """From the plain bytes of the stream to a manifest that describes itself truly."""
    seq, snapshot, revision = name
    try:
        it = json.loads(unzstd(unpad(plain), MAX_JSON).decode('utf-8'))
    except ValueError as error:
        raise Malformed('not JSON') from error
    require(MANIFEST(it), 'not a manifest of this format')
    named = (it['archive'], it['seq'], it['snapshot'], it['revision'])
    require(named == (archive.hex(), seq, snapshot, revision), 'a manifest of another name')
    require(identify(keys, it) == it['identity'], 'an identity that does not fit')
    return it


# 13. Reading, step by step


class Archive:
    def __init__(self, path, key):
        self.folder, self.keys = Folder(path), Keys(key)
        self.warnings = []
        self.header = self._open_header()
        self.id = self.header['archive']
        self._cached = (None, None)

    def _open_header(self):
        faults = []
        for name in ('coffer.json', 'coffer.previous.json'):
            data = self.folder.get(name, 0, MAX_HEADER + 1)
            try:
                if data is None:
                    raise Damage('header_missing', name)
                header = read_header(data, self.keys, name)
                self.warnings += faults
                return header
            except Damage as fault:
                faults.append(fault)
        for fault in faults:
            if fault.code == 'wrong_key':
                raise fault
        if faults[0].code != 'header_missing':
            raise faults[0]
        if self.folder.list('packs') or self.folder.list('snapshots'):
            raise faults[0]
        raise Damage('not_an_archive')

    def snapshots(self):
        """{(number, id): [revisions, highest first]}."""
        found = {}
        for name, _ in self.folder.list('snapshots'):
            match = MANIFEST_NAME.fullmatch(name)
            if match:
                found.setdefault((int(match[1]), match[2]), []).append(int(match[3]))
        return {key: sorted(revisions, reverse=True) for key, revisions in found.items()}

    def manifest(self, seq, snapshot, revision):
        obj = f'snapshots/{seq:08}-{snapshot}.{revision}'
        data = self.folder.get(obj, 0, MAX_MANIFEST + 1)
        if data is None:
            raise Damage('manifest_missing', obj)
        label = manifest_label(self.id, seq, bytes.fromhex(snapshot), revision)
        try:
            plain = open_stream(data, self.keys.manifests, label)
            return parse_manifest(plain, (seq, snapshot, revision), self.id, self.keys)
        except Malformed as error:
            raise Damage('manifest_altered', obj, str(error)) from error

    def best(self, seq, snapshot, revisions):
        """The highest revision that opens; what is wrong with higher ones becomes a warning."""
        faults = []
        for revision in revisions:
            try:
                found = self.manifest(seq, snapshot, revision)
                self.warnings += faults
                return found
            except Damage as fault:
                faults.append(fault)
        raise faults[0]

    def choose(self, wanted):
        found = self.snapshots()
        if not found:
            raise Damage('no_snapshots')
        if wanted is not None:
            matching = [key for key in found if key[1].startswith(wanted)]
            if len(matching) != 1:
                raise SystemExit('no such snapshot')
            return self.best(*matching[0], found[matching[0]])
        newest = max(seq for seq, _ in found)
        sides = [self.best(*key, found[key]) for key in found if key[0] == newest]
        return max(sides, key=lambda it: (it['createdAt'], it['snapshot']))

    def blob(self, place, kind):
        if self._cached[0] == (place.pack, place.offset, place.length, place.ordinal, place.compressed, kind):
            return self._cached[1]
        sealed = self.folder.get(place.object, place.offset, place.length)
        if sealed is None:
            raise Damage('pack_missing', place.object)
        if len(sealed) < place.length:
            raise Damage('pack_truncated', place.object)
        plain = self.intact(place, open_blob, self.keys, self.id, place, kind, sealed)
        self._cached = ((place.pack, place.offset, place.length, place.ordinal, place.compressed, kind), plain)
        return plain

    @staticmethod
    def intact(place, decode, *arguments):
        try:
            return decode(*arguments)
        except Malformed as error:
            raise Damage('pack_altered', place.object, str(error)) from error

    def layer(self, layer, kind, seen=None):
        """The entries of one layer, in order. `seen` collects every place."""
        own = Place(
            bytes.fromhex(layer['pack']),
            layer['size'],
            layer['ordinal'],
            layer['offset'],
            layer['length'],
            int(layer['compressed']),
        )
        if seen is not None:
            seen.append((ROOT, own, None))
        root = self.intact(own, read_root, self.blob(own, ROOT), kind, own)
        if sum(count for _, count, _, _ in root) != layer['entries']:
            raise Damage('pack_altered', own.object, 'not the root its manifest names')
        for place, count, first, last in root:
            if seen is not None:
                seen.append((kind, place, None))
            entries = self.intact(place, READERS[kind], self.blob(place, kind), place)
            if len(entries) != count or entries[0][0] != first or entries[-1][0] != last:
                raise Damage('pack_altered', place.object, 'not the blob its root names')
            yield from entries

    def overlay(self, layers, kind, seen=None):
        """{key: entry}, the newest layer's first (9)."""
        found = {}
        for layer in layers:
            for key, entry in self.layer(layer, kind, seen):
                found.setdefault(key, entry)
        return found

    def pages(self, db, seen=None):
        """[(place, index, hash)] of every page, the digest checked."""
        found = self.overlay(db['layers'], MAP, seen)
        if any(page not in found for page in range(db['pages'])):
            raise Damage('map_damaged', db['path'], 'a page that no layer names')
        pages = [found[page] for page in range(db['pages'])]
        digest = database_digest(self.keys, db['pageSize'], [page[2] for page in pages])
        if digest.hex() != db['digest']:
            raise Damage('map_damaged', db['path'], 'the digest does not fit')
        return pages

    def files(self, it, seen=None):
        """[(path, file)] in order, counts and digests checked."""
        found = self.overlay(it['files']['layers'], FILES, seen)
        files = [(path, found[path]) for path in sorted(found) if found[path] is not None]
        totals = (len(files), sum(file['size'] for _, file in files), list_digest(self.keys, files).hex())
        if totals != (it['files']['count'], it['files']['bytes'], it['files']['digest']):
            raise Damage('map_damaged', None, 'the list of files is not the one of this backup')
        paths = set(path for path, _ in files)
        for path, file in files:
            names = path.split(b'/')
            if any(name in (b'', b'.', b'..') or b'\0' in name for name in names):
                raise Damage('map_damaged', None, 'a path that leads elsewhere')
            if any(b'/'.join(names[:i]) in paths for i in range(1, len(names))):
                raise Damage('map_damaged', None, 'a file that is also a folder')
            if file_digest(self.keys, file['size'], [piece for _, piece in file['pieces']]) != file['digest']:
                raise Damage('map_damaged', None, 'the digest of a file does not fit')
        return files

    def page(self, db, entry):
        place, index, wanted = entry
        run = self.blob(place, PAGES)
        page = run[index * db['pageSize'] : (index + 1) * db['pageSize']]
        if len(page) != db['pageSize'] or not same(page_hash(self.keys, page), wanted):
            raise Damage('pack_altered', place.object, 'a page is not the one the map names')
        return page

    def piece(self, file, i):
        place, wanted = file['pieces'][i]
        piece = self.blob(place, PIECE)
        length = min(MAX_BLOB, file['size'] - i * MAX_BLOB)
        if len(piece) != length or not same(piece_hash(self.keys, piece), wanted):
            raise Damage('pack_altered', place.object, 'a piece is not the one the list names')
        return piece


def plain_name(path):
    name = path.encode()
    if name in (b'', b'.', b'..') or b'/' in name or b'\0' in name:
        raise Damage('map_damaged', path, 'a database must lie at the root')
    return name


def restore(archive, target, wanted):
    """Into a folder that must not exist; it appears under its name when all of it has been checked."""
    it = archive.choose(wanted)
    if os.path.lexists(target):
        raise SystemExit('the target must not exist')
    unfinished = os.fsencode(f'{target}.unfinished-{os.getpid()}')
    os.mkdir(unfinished, 0o700)
    result = []

    def write(names, parts, modified):
        path = b'/'.join([unfinished, *names])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        sha256, size = hashlib.sha256(), 0
        # 'x': nothing is ever overwritten, so no link is ever followed.
        with open(path, 'xb') as out:
            for part in parts:
                out.write(part)
                sha256.update(part)
                size += len(part)
            out.flush()
            os.fsync(out.fileno())
        if modified is not None:
            os.utime(path, ns=(modified, modified))
        line = {'path': b'/'.join(names).hex(), 'size': size, 'sha256': sha256.hexdigest()}
        result.append(line if modified is None else {**line, 'modified': str(modified)})

    for db in it['databases']:
        name = plain_name(db['path'])
        pages = archive.pages(db)
        write([name], (archive.page(db, entry) for entry in pages), None)
    for path, file in archive.files(it):
        parts = (archive.piece(file, i) for i in range(len(file['pieces'])))
        write(path.split(b'/'), parts, file['modified'])
    os.rename(unfinished, target)
    return {'snapshot': it['snapshot'], 'files': result, 'warnings': [fault.line() for fault in archive.warnings]}


def list_snapshots(archive):
    lines = []
    for key, revisions in sorted(archive.snapshots().items()):
        it = archive.best(*key, revisions)
        names = ('snapshot', 'seq', 'revision', 'identity', 'createdAt', 'kind', 'chats', 'messages', 'newest')
        lines.append({name: it[name] for name in names})
    return {'snapshots': lines}


def main(arguments):
    def work(archive):
        if arguments[0] == 'list':
            return list_snapshots(archive)
        return restore(archive, arguments[2], arguments[3] if len(arguments) == 4 else None)

    if len(arguments) not in {'list': [2], 'restore': [3, 4]}.get(arguments[0] if arguments else '', []):
        raise SystemExit(__doc__)
    return answer(arguments[1], work)


def answer(path, work):
    """Opens the archive with the key in the environment, prints what `work` gives as JSON, returns the exit code."""
    key = read_digits(os.environ.get('COFFER_KEY', ''))
    try:
        result = work(Archive(path, key))
    except Damage as fault:
        result = {'error': fault.code, 'object': fault.object, 'reason': fault.reason}
    print(json.dumps(result))
    return 1 if 'error' in result or result.get('ok') is False else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
