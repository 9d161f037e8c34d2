"""A program that leaves a picture."""

from __future__ import annotations


def png() -> str:
    """A program that leaves a picture of one pixel."""
    chunk = "lambda kind, data: len(data).to_bytes(4, 'big') + kind + data + zlib.crc32(kind + data).to_bytes(4, 'big')"
    return (
        f"import zlib\nchunk = {chunk}\nhead = bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0])\n"
        "data = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(bytes(4)))\n"
        "data += chunk(b'IEND', b'')\n"
        "open('dot.png', 'wb').write(data)\n"
    )
