"""What a READ or PROVE report says of a PIV card. Not whether it is true: proofs are checked elsewhere."""

import hashlib
import zlib

from services.card_gateway.card import tlv
from services.card_gateway.card.facts import (
    END_CODES,
    PIN_IS_GLOBAL,
    UNSUPPORTED_CARD,
    CardFacts,
    Proof,
    Unsupported,
)
from services.card_gateway.card.profiles.piv.scripts import KIND
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.script import Answer, Report
from services.card_gateway.card.status_words import NOT_FOUND, OK, tries

MAX_CERTIFICATE = 16 * 1024
"""Bytes of one certificate after gunzip: a zip bomb ends here."""
GUID_LENGTH = 16

GLOBAL_PIN = 0x20  # bit of the PIN usage policy's first byte
GLOBAL_IS_PRIMARY = 0x20  # the policy's second byte; 10 where the application PIN is


def parse_read(report: Report) -> CardFacts | Unsupported:
    """The facts of a READ, or why there are none."""
    if report.end in END_CODES:
        return Unsupported(END_CODES[report.end])
    try:
        facts = _facts(report)
        return Unsupported(PIN_IS_GLOBAL) if _pin_is_global(_kept(report, "discovery")) else facts
    except (tlv.Malformed, _NotPiv):
        return Unsupported(UNSUPPORTED_CARD)


def parse_proof(report: Report) -> Proof | Unsupported:
    """The signature of a PROVE, or why there is none."""
    if report.end in END_CODES:
        return Unsupported(END_CODES[report.end])
    try:
        signature, algorithm = _signature(report)
        chuid = _kept(report, "chuid")
    except tlv.Malformed:
        return Unsupported("CARD_NOT_GENUINE")
    if signature is None or algorithm is None or chuid is None:
        return Unsupported("CARD_NOT_GENUINE")
    return Proof(hashlib.sha256(chuid).digest(), signature, algorithm)


class _NotPiv(Exception):
    """What was read is not what a PIV card has."""


def _facts(report: Report) -> CardFacts:
    chuid = _kept(report, "chuid")
    guid = None if chuid is None else tlv.find(chuid, 0x53, 0x34)
    last = report.answer("tries")
    if chuid is None or guid is None or len(guid) != GUID_LENGTH or last is None:
        raise _NotPiv
    signature, algorithm = _signature(report)
    puk_left, puk_default = _metadata(_kept(report, "metadata-puk"))
    pin = tries(last.sw)
    return CardFacts(
        kind=KIND,
        guid=guid,
        chuid_hash=hashlib.sha256(chuid).digest(),
        cert_9a_der=_certificate(report.answer("cert-9a")),
        cert_9e_der=_certificate(report.answer("cert-9e")),
        pin_tries_left=pin.left,
        pin_blocked=pin.blocked,
        signature=signature,
        algorithm=algorithm,
        puk_tries_left=puk_left,
        puk_is_default=puk_default,
    )


def _kept(report: Report, name: str) -> bytes | None:
    answer = report.answer(name)
    return answer.data if answer is not None and answer.sw == OK else None


def _pin_is_global(discovery: bytes | None) -> bool:
    """True where the discovery object names the global PIN as the primary one.

    Cards without the object, or without the policy in it, know the application PIN only.
    Source: NIST SP 800-73pt1-5, 3.3.2.
    """
    policy = None if discovery is None else tlv.find(discovery, 0x7E, 0x5F2F)
    if policy is None or len(policy) != 2:
        return False
    return bool(policy[0] & GLOBAL_PIN) and policy[1] == GLOBAL_IS_PRIMARY


def _signature(report: Report) -> tuple[bytes | None, Algorithm | None]:
    for name, algorithm in (("sign-p256", Algorithm.P256), ("sign-rsa2048", Algorithm.RSA2048)):
        template = _kept(report, name)
        if template is not None:
            return tlv.find(template, 0x7C, 0x82), algorithm
    return None, None


def _certificate(answer: Answer | None) -> bytes | None:
    if answer is None or answer.sw == NOT_FOUND:
        return None
    stored = tlv.find(answer.data, 0x53, 0x70)
    if not stored:
        return None
    info = tlv.find(answer.data, 0x53, 0x71) or b"\x00"
    return _gunzip(stored) if info[0] & 0x01 else stored


def _gunzip(stored: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(stored, MAX_CERTIFICATE)
    except zlib.error as broken:
        raise _NotPiv from broken
    if not stream.eof:
        raise _NotPiv
    return plain


def _metadata(data: bytes | None) -> tuple[int | None, bool | None]:
    """PUK tries left, and whether the PUK is the factory's; of no use for anything but the budget."""
    if data is None:
        return None, None
    try:
        counts, default = tlv.find(data, 0x06), tlv.find(data, 0x05)
    except tlv.Malformed:
        return None, None
    left = counts[1] if counts is not None and len(counts) == 2 else None
    return left, None if not default else default[0] == 0x01
