"""Asks masters for a certificate: the first one with a join token, later ones with the one before."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from datetime import timedelta

import structlog

from ccx.client import Client
from ccx.connection_trouble import is_about_certificate
from ccx.errors import BadInput, CcxError, NodeUnreachable, StoreUnavailable
from ccx.node_address import address_of
from ccx.trust import blind_context
from ccx.wire import JoinRequest, NodeCertificate, Trust
from ccx_orchestrator.access.certificates import KeyPair, make_request
from ccx_orchestrator.access.registrar import id_of, parse_join_token
from ccx_orchestrator.membership.node_tls import A_MASTER, NodeContext, joining_context, refusal

log = structlog.get_logger(__name__)

# A master that starts at the same time needs a while.
PATIENCE = timedelta(minutes=2)
PAUSE_SECONDS = 1.0
_CERTIFICATE_END = "-----END CERTIFICATE-----\n"


async def join(name: str, token: str, masters: Iterable[str], patience: timedelta = PATIENCE) -> tuple[KeyPair, Trust]:
    """Become a node of the cluster that the token is of, by one of these masters. The secret in the token is shown to
    nobody but a node whose authority has the SHA-256 in it. Raises BadInput, or what the master refuses with.
    """
    secret, authority = parse_join_token(token)
    if not secret:
        raise BadInput("The join token is mistyped or cut off: it is what 'ccx cluster join-command' prints, whole.")
    urls = tuple(masters)
    if not urls:
        raise BadInput("A join token needs the address of a master: --join https://MASTER:8701.")
    for url in urls:
        if address_of(url).scheme != "https":
            raise BadInput(f"A node joins by https alone, where a master listens for nodes (port 8701); {url} is not.")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience.total_seconds()
    while True:
        for url in urls:
            try:
                return await _join(name, token, authority, url)
            except (NodeUnreachable, StoreUnavailable) as error:
                if is_about_certificate(error):
                    raise BadInput(f"Somebody stands between this node and {url}: {error} Nothing was sent.") from error
                log.warning("a master does not answer; it is asked again", master=url, reason=str(error))
                if loop.time() >= deadline:
                    raise BadInput(f"No master let this node in: {error}") from error
        await asyncio.sleep(PAUSE_SECONDS)


async def renew(name: str, url: str, tls: ssl.SSLContext) -> tuple[KeyPair, Trust]:
    """Another certificate, from a master. Raises CcxError."""
    asked = make_request(name)
    async with Client(url, tls=tls) as client:
        return _made(asked, await client.renew_certificate(asked.certificate.decode()))


async def _join(name: str, token: str, authority: str, url: str) -> tuple[KeyPair, Trust]:
    trusted = await _authority_of(url, authority)
    only_that = Trust(revision=0, authorities=(trusted,))
    newest = joining_context(trusted)
    tls = NodeContext(ssl.PROTOCOL_TLS_CLIENT, lambda: newest, lambda peer: refusal(peer, A_MASTER, only_that))
    asked = make_request(name)
    async with Client(url, tls=tls) as client:
        answer = await client.join(JoinRequest(token=token, name=name, request=asked.certificate.decode()))
    return _made(asked, answer)


async def _authority_of(url: str, wanted: str) -> str:
    """The certificate of that SHA-256, from a node that nobody vouches for yet. Raises BadInput."""
    async with Client(url, tls=blind_context()) as client:
        try:
            text = await client.cluster_authorities()
        except NodeUnreachable:
            raise
        except CcxError as error:
            raise BadInput(
                f"{url} is not where a master listens for nodes (port 8701, unless set otherwise): {error}"
            ) from error
    for part in text.split(_CERTIFICATE_END):
        if part.strip() and id_of(part + _CERTIFICATE_END) == wanted:
            return part + _CERTIFICATE_END
    raise BadInput(
        f"{url} is of another cluster than the join token, or somebody stands between: its authority is another one."
        " Nothing was sent."
    )


def _made(asked: KeyPair, answer: NodeCertificate) -> tuple[KeyPair, Trust]:
    return KeyPair(answer.certificate.encode(), asked.key), answer.trust
