"""How the window comes to a node: what can go wrong is a sentence each. No Qt here."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from enum import StrEnum

from ccx.client import Client
from ccx.connection_trouble import causes_of, is_about_certificate
from ccx.credentials import Credential, credential_of, keep_credential
from ccx.errors import BadInput, CcxError, NodeUnreachable, RouteNotFound, Unauthenticated
from ccx.node_address import address_of
from ccx.trust import blind_context, fingerprint_of
from ccx.wire import Health, Identity, LanguageInfo

SECONDS = 10.0


class Trouble(StrEnum):
    """Why there is no connection; each is a word of `ccx.words`, after `window.trouble.`."""

    NO_HOST = "no_host"
    REFUSED = "refused"
    SILENT = "silent"
    OTHER = "other"
    TOO_OLD = "too_old"
    WRONG_TOKEN = "token"  # noqa: S105  (a word)
    NEEDS_TOKEN = "needs_token"  # noqa: S105
    CERTIFICATE = "certificate"
    ADDRESS = "address"


class NotConnected(Exception):
    """`detail` is for who wants to know more."""

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        super().__init__(detail)
        self.trouble = trouble


class Untrusted(Exception):
    """The node's authority is not known here: its certificate in PEM, and the fingerprint to compare."""

    def __init__(self, authority: str) -> None:
        super().__init__("the authority is not known")
        self.authority = authority
        self.fingerprint = fingerprint_of(authority)


@dataclass(frozen=True, slots=True)
class Connected:
    """A node that answers, and what it told first."""

    client: Client
    address: str
    health: Health
    identity: Identity
    languages: tuple[LanguageInfo, ...]


def url_of(host: str, port: str) -> str:
    """What was typed, as an address: a URL stands for itself. Raises NotConnected."""
    text = host.strip()
    if "://" not in text and port.strip() and not text.rpartition(":")[2].isdecimal():
        text = f"{text}:{port.strip()}"
    if any(letter.isspace() for letter in text):
        raise NotConnected(Trouble.ADDRESS, repr(text))
    try:
        return str(address_of(text))
    except BadInput as error:
        raise NotConnected(Trouble.ADDRESS, str(error)) from error


async def connect(url: str, token: str | None = None, ca: str | None = None) -> Connected:
    """Greet a node; token and authority are those that are kept, unless they are given, and then they are kept. Raises
    NotConnected or Untrusted.
    """
    kept = _kept(url)
    token, ca, was_trusted = token or kept.token, ca or kept.ca, kept.ca is not None
    client = Client(url, token=token, ca=ca)
    try:
        async with asyncio.timeout(SECONDS):
            health = await client.health()
            identity = await client.who_am_i()
            languages = await client.languages() if "run" in identity.may else ()
    except BaseException as error:
        await client.__aexit__()
        if isinstance(error, NodeUnreachable) and is_about_certificate(error):
            if was_trusted:
                raise NotConnected(Trouble.CERTIFICATE, str(error)) from error
            raise Untrusted(await _authority(url)) from error
        raise _told(error) from error
    if "run" not in identity.may:
        await client.__aexit__()
        raise NotConnected(Trouble.NEEDS_TOKEN)
    if (token, ca) != (kept.token, kept.ca):
        keep_credential(url, Credential(token=token, ca=ca))
    return Connected(client, url, health, identity, languages)


def _kept(url: str) -> Credential:
    """What is kept of that node. Raises NotConnected. Not in a thread of the loop: the process falls over."""
    try:
        return credential_of(url)
    except BadInput as error:
        raise NotConnected(Trouble.NEEDS_TOKEN, str(error)) from error


def _told(error: BaseException) -> BaseException:
    """The trouble behind an error; the error itself where it is none."""
    if isinstance(error, TimeoutError):
        return NotConnected(Trouble.SILENT)
    if not isinstance(error, CcxError):
        return error
    text = str(error)
    match error:
        case Unauthenticated():
            trouble = Trouble.WRONG_TOKEN
        case NodeUnreachable() if any(isinstance(cause, socket.gaierror) for cause in causes_of(error)):
            trouble = Trouble.NO_HOST
        case NodeUnreachable():
            trouble = Trouble.SILENT if "within" in text else Trouble.REFUSED
        case RouteNotFound():
            trouble = Trouble.TOO_OLD
        case _:
            trouble = Trouble.OTHER
    return NotConnected(trouble, text)


async def _authority(url: str) -> str:
    """Asked without trust, to be compared by a person. Raises NotConnected."""
    try:
        async with Client(url, tls=blind_context()) as client:
            return await client.authority()
    except CcxError as error:
        raise NotConnected(Trouble.CERTIFICATE, str(error)) from error
