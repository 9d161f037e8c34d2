"""Which certificates a client takes for a node's."""

from __future__ import annotations

import ssl
from pathlib import Path

from ccx.errors import BadInput

_PEM = "-----BEGIN CERTIFICATE-----"


def tls_context(ca: Path | str | None) -> ssl.SSLContext:
    """The authorities of the system, and that one: a file in PEM, or its text. Raises BadInput."""
    context = ssl.create_default_context()
    if ca is None:
        return context
    text = str(ca)
    try:
        if text.lstrip().startswith(_PEM):
            context.load_verify_locations(cadata=text)
        else:
            context.load_verify_locations(cafile=text)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"The authority {text if _PEM not in text else 'given'!r} cannot be used: {error}.") from error
    return context


def blind_context() -> ssl.SSLContext:
    """Takes any certificate: only for asking a node for its authority, which is then compared with a fingerprint."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def fingerprint_of(certificate: str) -> str:
    """SHA-256 of a certificate in PEM, in pairs of hexadecimal digits with colons. Raises BadInput."""
    import hashlib

    try:
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.strip())).hexdigest().upper()
    except ValueError as error:
        raise BadInput("What the node gave for its authority is no certificate.") from error
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
