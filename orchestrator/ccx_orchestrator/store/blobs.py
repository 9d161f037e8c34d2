"""Large texts as the database has them: compressed, and never on the event loop where that would be felt."""

from __future__ import annotations

import asyncio
import zlib

# Output of programs is repetitive: the lowest level does most of the work.
_LEVEL = 1
# Compressing this much takes about a millisecond.
_SMALL_BYTES = 64 * 1024
# Setting up a compressor costs more than so few bytes are worth. What it makes never begins with a zero.
_TINY_BYTES = 1024
_AS_IT_IS = b"\0"


async def pack(data: bytes) -> bytes:
    """As it is kept: compressed, unless it is small."""
    if len(data) <= _TINY_BYTES:
        return _AS_IT_IS + data
    if len(data) <= _SMALL_BYTES:
        return zlib.compress(data, _LEVEL)
    return await asyncio.to_thread(zlib.compress, data, _LEVEL)


async def unpack(packed: bytes) -> bytes:
    """What was packed."""
    if packed.startswith(_AS_IT_IS):
        return packed.removeprefix(_AS_IT_IS)
    if len(packed) <= _SMALL_BYTES // 8:
        return zlib.decompress(packed)
    return await asyncio.to_thread(zlib.decompress, packed)
