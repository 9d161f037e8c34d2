"""The files by which a node is one of its cluster: its key with its certificate, whom it trusts, and who let it in."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID
from pydantic import BaseModel, ValidationError

from ccx.errors import BadInput
from ccx.secret_file import write_secret
from ccx.wire import NodeRole, Trust
from ccx_orchestrator.access.certificates import KeyPair
from ccx_orchestrator.access.peer import Peer


class Membership(BaseModel):
    """What is written beside the certificate. `masters` are the URLs by which the node joined."""

    trust: Trust
    masters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentityFiles:
    """Those of one node, in a folder that nobody else can read."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The key and the certificate in one file, so that they always belong to each other."""
        return self.folder / "node.pem"

    @property
    def _known(self) -> Path:
        return self.folder / "cluster.json"

    def load(self) -> Membership | None:
        """What is known; None where the node never joined. Raises BadInput where the files cannot be used."""
        try:
            if not (self.certificate.exists() and self._known.exists()):
                return None
            self.peer()
            return Membership.model_validate_json(self._known.read_bytes())
        except (OSError, ValueError, ValidationError, KeyError, ssl.SSLError) as error:
            raise BadInput(
                f"{self.folder} cannot be used: move it away, and have this node join its cluster anew."
            ) from error

    def peer(self) -> Peer:
        """Whom the certificate names."""
        subject = x509.load_pem_x509_certificate(self.certificate_text()).subject

        def one(oid: x509.ObjectIdentifier) -> str:
            return str(subject.get_attributes_for_oid(oid)[0].value)

        return Peer(
            one(NameOID.COMMON_NAME), NodeRole(one(NameOID.ORGANIZATIONAL_UNIT_NAME)), one(NameOID.SERIAL_NUMBER)
        )

    def certificate_text(self) -> bytes:
        """The certificate in PEM, without the key."""
        text = self.certificate.read_bytes()
        return text[text.index(b"-----BEGIN CERTIFICATE-----") :]

    def keep(self, pair: KeyPair, known: Membership) -> None:
        """Write all of it. Raises BadInput."""
        self._write(self.certificate, pair.key + pair.certificate)
        self.note(known)

    def note(self, known: Membership) -> None:
        """Write whom it trusts. Raises BadInput."""
        self._write(self._known, known.model_dump_json(indent=2).encode())

    def _write(self, path: Path, data: bytes) -> None:
        try:
            write_secret(path, data)
        except OSError as error:
            raise BadInput(f"{path} cannot be written: {error.strerror}. Set CCX_STATE_DIR.") from error
