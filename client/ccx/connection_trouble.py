"""Why there is no connection, in our words where the cause is a usual one. Pure."""

from __future__ import annotations

import errno
import socket
import ssl

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
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "no such host"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted here: {cause.verify_message}; 'ccx login' tells whom to trust"
        if isinstance(cause, ssl.SSLError):
            return "it does not speak TLS as it should"
        if isinstance(cause, OSError) and cause.errno in _TROUBLES:
            return _TROUBLES[cause.errno]
        cause = cause.__cause__ or cause.__context__
    return str(error).rstrip(".") or type(error).__name__
