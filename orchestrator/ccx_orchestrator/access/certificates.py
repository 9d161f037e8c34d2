"""An authority of a node's own, and the certificates it signs. Pure: keys and certificates in PEM, no files.

ECDSA on P-256 throughout: a handshake costs a third of what RSA of 2048 bits does, and every client knows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

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
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    signer = load_pem_private_key(authority.key, None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not on a curve")
    builder = (
        _builder(_name(wanted[0]), issuer.subject, key.public_key(), now, CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in wanted]), critical=False)
    )
    return _pair(builder.sign(signer, SHA256()), key)


def is_due(certificate: bytes, authority: bytes, names: Iterable[str], now: datetime) -> bool:
    """Whether it is time for another one: it is old, of another authority, or lacks a name."""
    have = x509.load_pem_x509_certificate(certificate)
    issuer = x509.load_pem_x509_certificate(authority)
    alternatives = have.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    lacks = set(map(_alternative, names)) - set(alternatives)
    life = have.not_valid_after_utc - have.not_valid_before_utc
    return bool(lacks) or have.issuer != issuer.subject or now > have.not_valid_before_utc + life * RENEWED_AFTER


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
    return KeyPair(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
