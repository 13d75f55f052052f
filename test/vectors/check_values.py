#!/usr/bin/env python3
"""Recomputes every value of values.json with reader.py."""
import json

import reader
from reader import (
    H,
    INDEX,
    MAP,
    MAX_BLOB,
    Keys,
    Place,
    blob_label,
    database_digest,
    encode_header,
    file_digest,
    file_field,
    i64,
    identify,
    key_check,
    list_digest,
    lp,
    manifest_label,
    open_blob,
    open_stream,
    padme,
    page_hash,
    parse_manifest,
    piece_hash,
    read_digits,
    read_forgotten,
    read_header,
    read_index,
    read_list,
    read_map,
    read_root,
    read_trailer,
    subkey,
    unzstd,
)


def raw(text):
    return bytes.fromhex(text)


def shown(place, own):
    """A place as the vectors write it: a table's own pack has the size 0."""
    size = 0 if place.pack == own.pack else place.size
    names = ('ordinal', 'offset', 'length')
    fields = {name: getattr(place, name) for name in names}
    return {'pack': place.pack.hex(), 'size': size, **fields, 'compressed': place.compressed == 1}


def check_values(path):
    """How many values were looked at, and those that differ."""
    with open(path, encoding='utf-8') as file:
        v = json.load(file)
    differ, count = [], 0

    def check(what, found, expected):
        nonlocal count
        count += 1
        if isinstance(found, bytes):
            found = found.hex()
        if found != expected:
            differ.append({'what': what, 'found': repr(found)[:300], 'expected': repr(expected)[:300]})

    key = read_digits(v['key'])
    keys, archive = Keys(key), raw(v['archive'])
    own = Place(raw(v['tables']['own']['pack']), v['tables']['own']['size'], 0, 0, 0, 0)

    for name, number in {**reader.SUBKEYS, 'ownerSeed': 9}.items():
        check(f'subkey {name}', subkey(key, number), v['subkeys'][name])
    for it in v['preimages']:
        check('preimage', lp(*map(raw, it['fields'])), it['bytes'])
    check('key check', key_check(keys, archive), v['keyCheck'])
    for it in v['headers']:
        header = read_header(it['file'].encode(), keys, 'coffer.json')
        check('header number', str(header['number']), it['number'])
        check('header archive', header['archive'], v['archive'])
        check('header MAC', H(keys.headerMac, 32, raw(it['body'])), it['mac'])
        check('header file', encode_header(raw(it['body']), raw(it['mac'])).decode(), it['file'])
        vault = header['vault']
        if vault:
            vault = {'address': vault['address'].decode(), **{k: vault[k].hex() for k in ('fingerprint', 'record')}}
        check('vault', vault, it['vault'])
    for length, padded in v['padme']:
        check(f'padme {length}', padme(length), padded)
    for it in v['blobs']:
        sealed = raw(it['sealed'])
        place = Place(raw(it['pack']), 0, it['ordinal'], 0, len(sealed), int(it['compressed']))
        label = blob_label(archive, place.pack, it['kind'], place.ordinal, place.compressed)
        check('blob additional data', label, it['additionalData'])
        check('blob nonce', sealed[:24], it['nonce'])
        check('blob plain', open_blob(keys, archive, place, it['kind'], sealed), it['plain'])
        encrypted = raw(it['encrypted'])
        check('blob encrypted', unzstd(encrypted, MAX_BLOB) if it['compressed'] else encrypted, it['plain'])

    hashes = [page_hash(keys, raw(it['page'])) for it in v['pages']]
    for found, it in zip(hashes, v['pages']):
        check('page hash', found, it['hash'])
    check('database', database_digest(keys, v['database']['pageSize'], hashes), v['database']['digest'])
    check('empty database', database_digest(keys, 65_536, []), v['emptyDatabase']['digest'])
    pieces = []
    for it in v['pieces']:
        repeat = raw(it['repeat'])
        pieces.append(piece_hash(keys, (repeat * (it['length'] // len(repeat) + 1))[: it['length']]))
        check('piece hash', pieces[-1], it['hash'])
    check('file', file_digest(keys, v['file']['size'], pieces), v['file']['digest'])
    check('empty file', file_digest(keys, 0, []), v['emptyFile']['digest'])
    files = []
    for it in v['files']['entries']:
        file = {'size': it['size'], 'modified': int(it['modified']), 'digest': raw(it['digest'])}
        files.append((raw(it['path']), file))
        check('field of a file', file_field(*files[-1]), it['field'])
    check('list of files', list_digest(keys, files), v['files']['digest'])
    check('empty list of files', list_digest(keys, []), v['emptyFiles']['digest'])

    tables = v['tables']
    found = [
        {'page': page, 'hash': digest.hex(), 'index': index, 'place': shown(place, own)}
        for page, (place, index, digest) in read_map(raw(tables['map']['plain']), own)
    ]
    check('page map', found, tables['map']['entries'])
    found = []
    for path, file in read_list(raw(tables['files']['plain']), own):
        if file is None:
            found.append({'path': path.hex(), 'removed': True})
            continue
        inside = [{'hash': piece.hex(), 'place': {**shown(place, own), 'size': place.size}} for place, piece in file['pieces']]
        line = {'path': path.hex(), 'size': file['size'], 'modified': str(file['modified']), 'digest': file['digest'].hex()}
        found.append({**line, 'pieces': inside})
    check('file list', found, tables['files']['entries'])
    found = [
        {'place': shown(place, own), 'entries': entries, 'first': first, 'last': last}
        for place, entries, first, last in read_root(raw(tables['root']['plain']), MAP, own)
    ]
    expected = [
        {**it, **{k: int.from_bytes(raw(it[k]), 'little') for k in ('first', 'last')}} for it in tables['root']['blobs']
    ]
    check('root', found, expected)
    found = [
        {'identity': identity.hex(), 'predecessor': before.hex() if before else None}
        for identity, before in read_forgotten(raw(tables['forgotten']['plain']), own)
    ]
    check('forgotten list', found, tables['forgotten']['entries'])

    data = raw(v['pack']['object'])
    pack = raw(v['pack']['name'].removeprefix('packs/'))
    check('padded size of a pack', padme(len(data)), len(data))
    check('trailer', data[-16:], v['pack']['trailer'])
    index = read_trailer(data[-16:], pack, len(data))
    check('index', {k: getattr(index, k) for k in ('ordinal', 'offset', 'length')}, v['pack']['index'])
    plain = open_blob(keys, archive, index, INDEX, data[index.offset : index.offset + index.length])
    blobs = read_index(plain, index)[:-1]
    check('blobs of a pack', len(blobs), len(v['pack']['blobs']))
    for (kind, place, kept), it in zip(blobs, v['pack']['blobs']):
        sealed = data[place.offset : place.offset + place.length]
        names = ('ordinal', 'offset', 'length')
        line = {'kind': kind, **{k: getattr(place, k) for k in names}, 'compressed': place.compressed == 1}
        line['plain'] = open_blob(keys, archive, place, kind, sealed).hex()
        check('blob of a pack', {**line, 'hashes': kept.hex()}, it)

    it = v['manifest']
    name = reader.MANIFEST_NAME.fullmatch(it['name'])
    seq, snapshot, revision = int(name[1]), name[2], int(name[3])
    label = manifest_label(archive, seq, raw(snapshot), revision)
    check('manifest additional data', label, it['additionalData'])
    check('stream header', raw(it['object'])[:24], it['streamHeader'])
    plain = open_stream(raw(it['object']), keys.manifests, label)
    check('plain bytes of a manifest', plain, it['plain'])
    manifest = parse_manifest(plain, (seq, snapshot, revision), archive, keys)
    check('manifest', manifest, json.loads(it['json']))
    check('identity', identify(keys, manifest), it['identity'])
    check('createdAt', i64(manifest['createdAt']), it['identityFields']['createdAt'])
    check('newest', i64(manifest['newest']), it['identityFields']['newest'])
    for field in ('databases', 'files'):
        inside = it['identityFields'][field]
        check(f'{field} in the preimage', lp(raw(inside)).hex() in reader.identity_preimage(manifest).hex(), True)
    return count, differ
