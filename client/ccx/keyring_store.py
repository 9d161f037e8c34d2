"""The keyring of the user's desktop: of GNOME or KDE, of macOS, of Windows. Tokens lie there where there is one.

A keyring that keeps plain text, or none at all, does not count: `keyring` gives those a priority below 1. To keep
tokens out of a keyring, set PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ccx.errors import BadInput

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "ccx"
LOWEST_PRIORITY = 1


def keep_in_keyring(server: str, token: str) -> bool:
    """Put the token there; False where there is no keyring that takes it."""
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(SERVICE, server, token)
    except _errors():
        return False
    return True


def token_in_keyring(server: str) -> str:
    """The token that was put there. Raises BadInput where the keyring is locked, or does not have it any more."""
    keyring = _keyring()
    try:
        token = keyring.get_password(SERVICE, server) if keyring else None
    except _errors() as error:
        raise BadInput(f"The token for {server} is in your keyring, which does not give it: {error}.") from error
    if token is None:
        raise BadInput(f"The token for {server} is no longer in your keyring: 'ccx login {server}' keeps it anew.")
    return token


def forget_in_keyring(server: str) -> None:
    """Take the token out, if it is there."""
    keyring = _keyring()
    if keyring is not None:
        with suppress(*_errors()):
            keyring.delete_password(SERVICE, server)


def _keyring() -> KeyringBackend | None:
    try:
        import keyring
    except ImportError:  # of the extra `keyring`
        return None
    with suppress(*_errors()):
        found = keyring.get_keyring()
        if found.priority >= LOWEST_PRIORITY:
            return found
    return None


def _errors() -> tuple[type[Exception], ...]:
    """What keyrings raise: their own errors, and those of the connection to the desktop."""
    from keyring.errors import KeyringError

    return KeyringError, OSError, RuntimeError, ValueError
