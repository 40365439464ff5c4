"""RFC 9162's verification, written down from its text (2.1.3.2, 2.1.4.2): what a stranger would do."""

from collections.abc import Sequence

from services.audit.domain.merkle import hash_children


def included(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """2.1.3.2."""
    found, first, last = leaf_hash, index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            found = hash_children(sibling, found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = hash_children(found, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and found == root


def consistent(earlier: int, size: int, old: bytes, new: bytes, proof: Sequence[bytes]) -> bool:
    """2.1.4.2."""
    if earlier == size:
        return not proof and old == new
    path = [old, *proof] if earlier & (earlier - 1) == 0 else list(proof)
    first, last = earlier - 1, size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_found = new_found = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old_found, new_found = hash_children(sibling, old_found), hash_children(sibling, new_found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new_found = hash_children(new_found, sibling)
        first, last = first >> 1, last >> 1
    return (old_found, new_found, last) == (old, new, 0)
