"""Why there is no connection, in our words where the cause is a usual one. Pure."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

_TROUBLES = {
    errno.ECONNREFUSED: "nobody listens there",
    errno.ECONNRESET: "it cut the connection off",
    errno.EHOSTUNREACH: "no way leads there",
    errno.ENETUNREACH: "no way leads there",
    errno.ENOENT: "there is no such socket",
    errno.EACCES: "this user may not use that socket",
}


def connection_trouble(error: BaseException) -> str:
    """The cause at the bottom of an error of a library; the library's own words where it is a rare one."""
    for cause in causes_of(error):
        if isinstance(cause, socket.gaierror):
            return "no such host"
        if isinstance(cause, ssl.SSLCertVerificationError):
            told = f"its certificate is not trusted here: {cause.verify_message}"
            return f"{told}; 'ccx login' tells whom to trust" if cause.verify_code else told
        if isinstance(cause, ssl.SSLError):
            return "it does not speak TLS as it should"
        if isinstance(cause, OSError) and cause.errno in _TROUBLES:
            return _TROUBLES[cause.errno]
    return str(error).rstrip(".") or type(error).__name__


def is_about_certificate(error: BaseException) -> bool:
    """Whether there is no connection because the other side's certificate is not trusted here."""
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes_of(error))


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error, and what is behind it, to the bottom."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
