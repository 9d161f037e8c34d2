"""Tokens as text: how they are made, told from other text, and kept.

A token is `ccx_`, 256 random bits and a check sum of these (CRC-32), both in base 62: 54 characters. The prefix and the
check sum let programs that search for leaked secrets find one without asking the node, as GitHub's tokens do; and a
mistyped one is known without a look into the store. Of a token its SHA-256 is kept: with 256 random bits nothing slower
is needed.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib

PREFIX = "ccx_"
HINT_CHARACTERS = 4
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_BYTES = 32
_RANDOM_CHARACTERS = 43  # 62 ** 43 > 2 ** 256
_SUM_CHARACTERS = 6  # 62 ** 6 > 2 ** 32


def make_token() -> str:
    """A new one, from the operating system's random numbers."""
    body = _base62(int.from_bytes(secrets.token_bytes(_RANDOM_BYTES)), _RANDOM_CHARACTERS)
    return f"{PREFIX}{body}{_check_sum(body)}"


def is_token(text: str) -> bool:
    """Whether it has the form of one, with the right check sum."""
    rest = text.removeprefix(PREFIX)
    body, check_sum = rest[:-_SUM_CHARACTERS], rest[-_SUM_CHARACTERS:]
    is_shaped = text.startswith(PREFIX) and len(rest) == _RANDOM_CHARACTERS + _SUM_CHARACTERS and rest.isascii()
    return is_shaped and _check_sum(body) == check_sum


def digest_of_token(token: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _check_sum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _SUM_CHARACTERS)


def _base62(number: int, characters: int) -> str:
    digits = []
    for _ in range(characters):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
