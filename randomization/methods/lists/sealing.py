"""Sealing: rows and master secret encrypted with a key that is not in the database.

Source: NIST SP 800-38D (AES in Galois/counter mode, 96-bit random nonces, at most 2^32 texts a key).
A sealed text is nonce (12 bytes), ciphertext, tag (16 bytes). What it belongs to is bound in as associated data, so a
row moved to another place no longer opens. Arms are padded, so the length of a sealed row tells nothing.
"""

from __future__ import annotations

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from randomization.methods.words import SECRET_BYTES, encode

KEY_BYTES = 32
NONCE_BYTES = 12
ARM_BYTES = 64  # one byte of length, the arm, zeros

_KEY = "The key that seals randomisation lists (TRIALMGR_LIST_KEY)"
_MAKE_ONE = "Make one with: openssl rand -base64 32"


class KeyUnusable(ValueError):
    """The sealing key as configured cannot be used. The message never repeats the key."""


class SealBroken(Exception):
    """A sealed text does not open: another key, another place, or a changed text."""


def new_secret() -> bytes:
    """A master secret: 32 bytes from the operating system, never typed by a person."""
    return secrets.token_bytes(SECRET_BYTES)


def new_key() -> str:
    """A sealing key as ``load_key`` reads it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def load_key(text: str) -> bytes:
    """The key from base64 of 32 bytes (URL-safe or plain), spaces around it allowed. KeyUnusable says what is wrong."""
    if not text.strip():
        raise KeyUnusable(f"{_KEY} is empty. {_MAKE_ONE}")
    try:
        key = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except ValueError as error:
        raise KeyUnusable(f"{_KEY} is not base64, or a part of it is missing. {_MAKE_ONE}") from error
    if len(key) != KEY_BYTES:
        raise KeyUnusable(f"{_KEY} must have {KEY_BYTES} bytes, not {len(key)}. {_MAKE_ONE}")
    if len(set(key)) < KEY_BYTES // 4:
        raise KeyUnusable(f"{_KEY} repeats itself, so it was not made at random. {_MAKE_ONE}")
    return key


def seal(key: bytes, list_id: str, stratum_key: str, position: int, arm: str) -> bytes:
    """The arm of one row, 92 bytes whatever the arm. ValueError for an arm of more than 63 bytes."""
    plain = arm.encode()
    if len(plain) >= ARM_BYTES:
        raise ValueError(f"An arm to be sealed may have at most {ARM_BYTES - 1} bytes, not {len(plain)}.")
    padded = bytes([len(plain)]) + plain.ljust(ARM_BYTES - 1, b"\0")
    return _seal(key, padded, _row_place(list_id, stratum_key, position))


def open_row(key: bytes, list_id: str, stratum_key: str, position: int, sealed: bytes) -> str:
    """The arm of one row. SealBroken unless key, place and text are those it was sealed with."""
    what = f"Row {position} of stratum {stratum_key}, list {list_id}"
    padded = _open(key, sealed, _row_place(list_id, stratum_key, position), what)
    return padded[1 : 1 + padded[0]].decode()


def seal_secret(key: bytes, list_id: str, secret: bytes) -> bytes:
    """The master secret of one list, 60 bytes. ValueError unless it has 32 bytes."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"The master secret must have {SECRET_BYTES} bytes, not {len(secret)}.")
    return _seal(key, secret, _secret_place(list_id))


def open_secret(key: bytes, list_id: str, sealed: bytes) -> bytes:
    """The master secret of one list. SealBroken unless key, list and text are those it was sealed with."""
    return _open(key, sealed, _secret_place(list_id), f"The master secret of list {list_id}")


def _row_place(list_id: str, stratum_key: str, position: int) -> bytes:
    return encode(b"trialmgr-row/1", list_id.encode(), stratum_key.encode(), str(position).encode())


def _secret_place(list_id: str) -> bytes:
    return encode(b"trialmgr-secret/1", list_id.encode())


def _seal(key: bytes, plain: bytes, place: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, place)


def _open(key: bytes, sealed: bytes, place: bytes, what: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except (InvalidTag, ValueError) as error:  # ValueError: too short to hold nonce and tag
        raise SealBroken(
            f"{what} does not open: it was sealed with another key than the one in TRIALMGR_LIST_KEY, or for another "
            "place, or it was changed since."
        ) from error
