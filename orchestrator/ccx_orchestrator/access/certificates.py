"""Authorities of a node or of a cluster, and the certificates they sign. Pure: keys and certificates in PEM, no files.

ECDSA on P-256 throughout: a handshake costs a third of what RSA of 2048 bits does, and every client knows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ccx.errors import BadInput, InvalidSubmission
from ccx.wire import FieldError
from ccx_orchestrator.access.peer import Peer

AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=30)
# Clocks of other machines may be behind by so much.
CLOCK_DIFFERENCE = timedelta(minutes=10)
RENEWED_AFTER = 2 / 3  # of a certificate's life
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and the key it is of, both in PEM."""

    certificate: bytes
    key: bytes


def make_authority(name: str, now: datetime) -> KeyPair:
    """An authority that signs certificates of servers, and nothing below it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(f"ccx {name}")
    builder = (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
    )
    return _pair(builder.sign(key, SHA256()), key)


def make_certificate(authority: KeyPair, names: Iterable[str], now: datetime) -> KeyPair:
    """A server's, for these names and addresses, the first of which is its subject."""
    wanted = list(dict.fromkeys(names))
    key = ec.generate_private_key(ec.SECP256R1())
    names_of_server = x509.SubjectAlternativeName([_alternative(name) for name in wanted])
    signed = _signed(authority, _name(wanted[0]), key.public_key(), now, (_SERVER,), names_of_server)
    return _pair(signed, key)


def is_due(certificate: bytes, authority: bytes, names: Iterable[str], now: datetime) -> bool:
    """Whether it is time for another one: it is old, of another authority, or lacks a name."""
    have = x509.load_pem_x509_certificate(certificate)
    alternatives = have.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    lacks = set(map(_alternative, names)) - set(alternatives)
    return bool(lacks) or is_node_due(certificate, authority, now)


# Nodes of a cluster


def make_request(name: str) -> KeyPair:
    """A new key, and in place of a certificate a request for one. Its name is for people who look at it."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(_name(name)).sign(key, SHA256())
    return KeyPair(request.public_bytes(Encoding.PEM), _key_text(key))


def sign_request(authority: KeyPair, request: bytes, peer: Peer, now: datetime) -> bytes:
    """A certificate by which a node is that one, as the caller of others and as the one that is called. The names in
    the request are ignored. Raises InvalidSubmission where the request is none.
    """
    if (key := _key_in(request)) is None:
        message = "is no signed request in PEM with a key on the curve P-256"
        raise InvalidSubmission(f"request {message}.", (FieldError(field="request", message=message),))
    return _signed(authority, peer_name(peer), key, now, (_SERVER, _CLIENT)).public_bytes(Encoding.PEM)


def is_node_due(certificate: bytes, authority: bytes, now: datetime) -> bool:
    """Whether it is time for another one, whatever names it has: it is old, or of another authority."""
    have = x509.load_pem_x509_certificate(certificate)
    life = have.not_valid_after_utc - have.not_valid_before_utc
    is_old = now > have.not_valid_before_utc + life * RENEWED_AFTER
    return is_old or have.issuer != x509.load_pem_x509_certificate(authority).subject


def peer_name(peer: Peer) -> x509.Name:
    """How a certificate says which node it is of; `peer_of` reads it."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, peer.name),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, peer.role.value),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, peer.enrolment),
        ]
    )


def end_of(certificate: bytes) -> datetime:
    """When it ends."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def sealed(key: bytes, passphrase: str) -> bytes:
    """A key that is of no use without the passphrase."""
    found = _key_of(key, None)
    return found.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))


def opened(key: bytes, passphrase: str | None) -> bytes:
    """The other way round; a key that was not sealed is as it was. Raises BadInput."""
    if b"ENCRYPTED" not in key:
        return key
    try:
        return _key_text(_key_of(key, passphrase.encode() if passphrase else None))
    except (ValueError, TypeError) as error:
        given = "is another one" if passphrase else "is missing"
        raise BadInput(
            f"The key of the cluster's authority is sealed, and the setting 'cluster_key' {given}."
        ) from error


_SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


def _signed(
    authority: KeyPair,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    uses: tuple[x509.ObjectIdentifier, ...],
    *extensions: x509.ExtensionType,
) -> x509.Certificate:
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    its_key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(subject, issuer.subject, key, now, CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        # Python from 3.13 on insists on it.
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(its_key), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(_key_of(authority.key, None), SHA256())


def _key_in(request: bytes) -> ec.EllipticCurvePublicKey | None:
    """The key in a request that was signed with it; None where it is anything else."""
    try:
        asked = x509.load_pem_x509_csr(request)
        key = asked.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return None
    return key if asked.is_signature_valid else None


def _key_of(key: bytes, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    found = load_pem_private_key(key, passphrase)
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise TypeError("the key is not on a curve")
    return found


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_DIFFERENCE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:_LONGEST_COMMON_NAME])])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode() if not name.isascii() else name)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(certificate.public_bytes(Encoding.PEM), _key_text(key))
