#!/usr/bin/env python3
"""Holds reader.py and verifier.py against all the test vectors, and prints what differs as JSON.

    check.py VECTORS
"""
import json
import os
import sys
import tempfile

from check_values import check_values
from reader import Archive, Damage, read_digits, restore
from verifier import verify


def read_json(*path):
    with open(os.path.join(*path), encoding='utf-8') as file:
        return json.load(file)


def folders(path):
    return sorted(entry.name for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith('_'))


def in_order(files):
    return sorted(files, key=lambda file: file['path'])


def check_valid(folder, scratch):
    expected = read_json(folder, 'expected.json')
    archive = Archive(os.path.join(folder, 'archive'), read_digits(expected['key']))
    found = sorted(archive.snapshots())
    assert found == sorted((it['seq'], it['snapshot']) for it in expected['snapshots']), 'other snapshots'
    for it in expected['snapshots']:
        manifest = archive.choose(it['snapshot'])
        for name in ('revision', 'identity', 'predecessor', 'createdAt', 'kind', 'chats', 'messages', 'newest'):
            assert manifest[name] == it[name], f'{name} of {it["snapshot"]}'
        layers = {'databases': [len(db['layers']) for db in manifest['databases']], 'files': len(manifest['files']['layers'])}
        assert layers == it['layers'], f'layers of {it["snapshot"]}'
        restored = restore(archive, os.path.join(scratch, it['snapshot']), it['snapshot'])
        assert in_order(restored['files']) == in_order(it['files']), f'files of {it["snapshot"]}'
    faults = verify(archive)['faults']
    if expected['warnings']:
        assert all(fault['object'] == 'coffer.json' for fault in faults) and faults, faults
    else:
        assert not faults, faults


def check_invalid(folder, scratch):
    expected = read_json(folder, 'expected.json')
    target = os.path.join(scratch, 'target')
    try:
        archive = Archive(os.path.join(folder, 'archive'), read_digits(expected['key']))
        restore(archive, target, None)
        assert expected['found'] == 'verify', 'it was restored'
        faults = verify(archive)['faults']
        assert {fault['object'] for fault in faults} == {expected['object']}, faults
        assert expected['error'] in {fault['code'] for fault in faults}, faults
    except Damage as fault:
        assert expected['found'] == 'restore', fault
        assert fault.code == expected['error'], fault
        assert expected['object'] in (None, fault.object), fault
        assert not os.path.exists(target), 'something was restored'


def main(vectors):
    count, differ = check_values(os.path.join(vectors, 'values.json'))
    work = [(check_valid, os.path.join(vectors, name)) for name in folders(vectors) if name not in ('invalid', 'vault')]
    invalid = os.path.join(vectors, 'invalid')
    work += [(check_invalid, os.path.join(invalid, name)) for name in folders(invalid)]
    for check, folder in work:
        with tempfile.TemporaryDirectory() as scratch:
            try:
                check(folder, scratch)
            # A reader that stumbles over an archive in any other way is wrong as well.
            except Exception as error:
                differ.append({'what': folder, 'found': repr(error)})
    print(json.dumps({'values': count, 'archives': len(work), 'differ': differ}))
    return 1 if differ else 0


if __name__ == '__main__':
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    sys.exit(main(sys.argv[1]))
