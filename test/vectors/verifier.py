#!/usr/bin/env python3
"""Verifies a whole archive as section 15 of docs/FORMAT.md says, and lists every fault.

    verifier.py ARCHIVE

Key, answer and exit code are as of reader.py.
"""
import sys

from reader import (
    Damage,
    FORGOTTEN,
    INDEX,
    MANIFEST_NAME,
    MAX_HEADER,
    PACK_NAME,
    PADDING,
    PAGES,
    PIECE,
    answer,
    open_blob,
    page_hash,
    piece_hash,
    plain_name,
    read_header,
    read_index,
    read_trailer,
)


def verify(archive):
    faults = []
    checked = {'objects': 0, 'bytes': 0}

    def attempt(work, *arguments):
        try:
            return work(*arguments)
        except Damage as fault:
            if fault.line() not in faults:
                faults.append(fault.line())
            return None

    for name in ('coffer.json', 'coffer.previous.json'):
        data = archive.folder.get(name, 0, MAX_HEADER + 1)
        if data is None:
            faults.append(Damage('header_missing', name).line())
        else:
            attempt(read_header, data, archive.keys, name)
    manifests = []
    for (seq, snapshot), revisions in archive.snapshots().items():
        for revision in revisions:
            manifest = attempt(archive.manifest, seq, snapshot, revision)
            if manifest:
                manifests.append(manifest)
    sizes = dict(archive.folder.list('packs'))
    named = []
    for it in manifests:
        for db in it['databases']:
            attempt(plain_name, db['path'])
            for place, index, page in attempt(archive.pages, db, named) or []:
                named.append((PAGES, place, (index, page)))
        for _, file in attempt(archive.files, it, named) or []:
            for place, piece in file['pieces']:
                named.append((PIECE, place, (0, piece)))
        for layer in it['forgotten']['layers']:
            attempt(lambda layer=layer: list(archive.layer(layer, FORGOTTEN, named)))
    indexes = {}
    for _, place, _ in named:
        if place.object not in sizes:
            faults.append(Damage('pack_missing', place.object).line())
        elif sizes[place.object] != place.size:
            faults.append(Damage('pack_truncated', place.object, 'another size than recorded').line())
        elif place.object not in indexes:
            indexes[place.object] = attempt(verify_pack, archive, place, checked)
    for kind, place, content in named:
        index = indexes.get(place.object)
        if index is not None:
            attempt(agree, index, kind, place, content)
    attempt(verify_chain, archive, manifests)
    for folder, pattern in (('packs', PACK_NAME), ('snapshots', MANIFEST_NAME)):
        for name, _ in archive.folder.list(folder):
            if not pattern.fullmatch(name):
                faults.append(Damage('unknown_object', name).line())
    unique = [fault for i, fault in enumerate(faults) if fault not in faults[:i]]
    return {'ok': not unique, 'checked': checked, 'faults': unique}


def verify_pack(archive, place, checked):
    """Reads a whole pack; gives its index."""
    data = archive.folder.get(place.object, 0, place.size)
    own = archive.intact(place, read_trailer, data[-16:], place.pack, len(data))

    def opened(place, kind):
        sealed = data[place.offset : place.offset + place.length]
        return archive.intact(place, open_blob, archive.keys, archive.id, place, kind, sealed)

    index = archive.intact(place, read_index, opened(own, INDEX), own)
    for kind, at, hashes in index:
        plain = opened(at, kind)
        if kind == PADDING:
            right = not any(plain)
        elif kind == PIECE:
            right = piece_hash(archive.keys, plain) == hashes
        elif kind == PAGES:
            count = len(hashes) // 16
            right = count > 0 and len(plain) % count == 0
            size = len(plain) // count if right else 0
            right = right and hashes == b''.join(
                page_hash(archive.keys, plain[i * size : (i + 1) * size]) for i in range(count)
            )
        else:
            right = True
        if not right:
            raise Damage('pack_altered', place.object, 'a blob is not what the index says')
    checked['objects'] += 1
    checked['bytes'] += len(data)
    return index


def agree(index, kind, place, content):
    """That a place named anywhere is the index's, and what is expected there its hash."""
    known = index[place.ordinal] if place.ordinal < len(index) else None
    fits = known is not None and known[0] == kind
    fits = fits and (known[1].offset, known[1].length, known[1].compressed) == (place.offset, place.length, place.compressed)
    if fits and content is not None:
        position, expected = content
        start = position * len(expected)
        fits = known[2][start : start + len(expected)] == expected
    if not fits:
        raise Damage('pack_altered', place.object, 'a place that the index does not know')


def verify_chain(archive, manifests):
    here = {it['identity'] for it in manifests}
    forgotten = {}
    for it in manifests:
        for identity, before in archive.overlay(it['forgotten']['layers'], FORGOTTEN).items():
            forgotten[identity.hex()] = before.hex() if before else None
    for it in manifests:
        before, seen = it['predecessor'], set()
        while before is not None and before not in here:
            if before not in forgotten or before in seen:
                name = f'snapshots/{it["seq"]:08}-{it["snapshot"]}.{it["revision"]}'
                raise Damage('chain_broken', name, before)
            seen.add(before)
            before = forgotten[before]


if __name__ == '__main__':
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    sys.exit(answer(sys.argv[1], verify))
