"""The certificate a node serves users with: a file of the operator's, or one signed by the cluster's authority, or by
one of the machine's own. It is read again when it changes, while open connections go on.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psutil
import structlog

from ccx.errors import BadInput
from ccx.secret_file import write_secret
from ccx.trust import fingerprint_of
from ccx_orchestrator.access.certificates import KeyPair, is_due, make_authority, make_certificate
from ccx_orchestrator.access.hosts import is_address
from ccx_orchestrator.background import background

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM. `authority` is who signed it, where that is the node's own: clients have to be told."""

    certificate: Path
    key: Path
    authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        """What connections are made with. Raises BadInput."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load(context)
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Have new connections served with what the files have now. Raises BadInput."""
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise BadInput(
                f"The certificate {str(self.certificate)!r} with the key {str(self.key)!r} cannot be used: {error}."
                " See the settings tls_certificate and tls_key."
            ) from error

    def authority_text(self) -> bytes | None:
        """The authority in PEM, None where it is somebody else's."""
        return self.authority.read_bytes() if self.authority else None


@asynccontextmanager
async def certificate_of(
    folder: Path,
    node_name: str,
    names: tuple[str, ...],
    given: tuple[Path, Path] | None,
    of_cluster: Callable[[], KeyPair] | None = None,
) -> AsyncIterator[tuple[Certificate, ssl.SSLContext]]:
    """The files, and a context that follows them for as long as this one lasts. `given` are the operator's; otherwise
    those in the folder are made, and made anew when they are due. `of_cluster` is the authority that signs then, where
    it is not one of this machine. Raises BadInput.
    """
    if given is not None:
        files, renew = Certificate(*given), _nothing
    else:
        # Nodes of one machine have one authority, and each a certificate of its own: their names differ.
        authority = folder / ("authority.pem" if of_cluster is None else f"{node_name}-authority.pem")
        files = Certificate(folder / f"{node_name}.pem", folder / f"{node_name}.key", authority)

        def renew() -> None:
            _renew(files, authority, names, of_cluster or partial(_own_authority, folder, node_name))

        await asyncio.to_thread(renew)
    context = await asyncio.to_thread(files.context)
    async with background(_follow(files, context, renew), "certificate"):
        yield files, context


def describe(files: Certificate) -> str:
    """How clients come to trust this node, in a sentence; nothing where its authority is a public one."""
    authority = files.authority_text()
    return "" if authority is None else f"its authority's SHA-256 is {fingerprint_of(authority.decode())}"


def names_of_machine() -> tuple[str, ...]:
    """Under which addresses this machine is reached, and its names for itself."""
    found = [entry.address.partition("%")[0] for entries in psutil.net_if_addrs().values() for entry in entries]
    return ("localhost", *(address for address in found if is_address(address)))


def _nothing() -> None:
    """Files of others are theirs to renew."""


async def _follow(files: Certificate, context: ssl.SSLContext, renew: Callable[[], None]) -> None:
    seen = await asyncio.to_thread(_stamp, files)
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await asyncio.to_thread(renew)
            if (now := await asyncio.to_thread(_stamp, files)) != seen:
                files.load(context)
                seen = now
                log.info("certificate read again", certificate=str(files.certificate))
        except (OSError, BadInput) as error:  # half of it may be written so far
            log.warning("the certificate cannot be read again", reason=str(error))


def _stamp(files: Certificate) -> tuple[int, int]:
    return files.certificate.stat().st_mtime_ns, files.key.stat().st_mtime_ns


def _renew(
    files: Certificate, authority_file: Path, names: tuple[str, ...], authority_of: Callable[[], KeyPair]
) -> None:
    """Make what is missing or due. Raises BadInput where the folder cannot be written to."""
    now = datetime.now(UTC)
    try:
        authority = authority_of()
        if not authority_file.exists() or authority_file.read_bytes() != authority.certificate:
            write_secret(authority_file, authority.certificate)
        is_there = files.certificate.exists() and files.key.exists()
        if not is_there or is_due(files.certificate.read_bytes(), authority.certificate, names, now):
            made = make_certificate(authority, names, now)
            write_secret(files.key, made.key)
            write_secret(files.certificate, made.certificate)
    except OSError as error:
        raise BadInput(
            f"{files.certificate.parent} cannot be written to: {error.strerror}. Set CCX_STATE_DIR."
        ) from error


def _own_authority(folder: Path, node_name: str) -> KeyPair:
    """The machine's own, which is made where there is none. Raises OSError."""
    certificate, key = folder / "authority.pem", folder / "authority.key"
    if not (certificate.exists() and key.exists()):
        authority = make_authority(node_name, datetime.now(UTC))
        write_secret(certificate, authority.certificate)
        write_secret(key, authority.key)
    return KeyPair(certificate.read_bytes(), key.read_bytes())
