"""What `ccx login` keeps of a node: its token, and the authority that signed its certificate.

One file in the user's configuration, which nobody else can read; the token itself lies in the user's keyring where
there is one. What the environment says goes first: CCX_TOKEN, CCX_TOKEN_FILE and CCX_CA.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ValidationError

from ccx.errors import BadInput
from ccx.keyring_store import forget_in_keyring, keep_in_keyring, token_in_keyring
from ccx.node_address import address_of
from ccx.secret_file import write_secret


class Credential(BaseModel):
    """Of one node. A token that is in the keyring is not in the file."""

    token: str | None = None
    ca: str | None = None
    is_in_keyring: bool = False


class Credentials(BaseModel):
    """Of all nodes, by their URL."""

    servers: dict[str, Credential] = {}


def credential_of(server: str) -> Credential:
    """What is sent to that node. Raises BadInput where a file or the keyring cannot be read."""
    kept = kept_credential(server)
    token = _token_of_environment() or (token_in_keyring(_named(server)) if kept.is_in_keyring else kept.token)
    return Credential(token=token, ca=os.environ.get("CCX_CA") or kept.ca)


def kept_credential(server: str) -> Credential:
    """What the file has for that node, whatever the environment says; empty where it is nothing. Raises BadInput."""
    return read_credentials().servers.get(_named(server), Credential())


def keep_credential(server: str, credential: Credential | None) -> str:
    """Keep that of a node, or forget it; where the token lies now, in words. Raises BadInput."""
    name = _named(server)
    servers = dict(read_credentials().servers)
    before = servers.pop(name, Credential())
    if credential is not None:
        servers[name] = _without_secret(name, credential)
    path = _path()
    try:
        write_secret(path, Credentials(servers=servers).model_dump_json(exclude_defaults=True, indent=2).encode())
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.") from error
    is_in_keyring = name in servers and servers[name].is_in_keyring
    if before.is_in_keyring and not is_in_keyring:
        forget_in_keyring(name)
    return "your keyring" if is_in_keyring else str(path)


def _without_secret(name: str, credential: Credential) -> Credential:
    """What the file is to hold: the token only where no keyring takes it."""
    if credential.token is None or not keep_in_keyring(name, credential.token):
        return credential
    return Credential(ca=credential.ca, is_in_keyring=True)


def read_credentials() -> Credentials:
    """All that is kept. Raises BadInput."""
    path = _path()
    try:
        return Credentials.model_validate_json(path.read_bytes()) if path.exists() else Credentials()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise BadInput(f"{path} is not what 'ccx login' wrote; remove it and log in again.") from error


def _token_of_environment() -> str | None:
    if named := os.environ.get("CCX_TOKEN_FILE"):
        try:
            return Path(named).read_text().strip() or None
        except (OSError, ValueError) as error:
            raise BadInput(f"CCX_TOKEN_FILE: {named!r} cannot be read: {error}.") from error
    return (os.environ.get("CCX_TOKEN") or "").strip() or None


def _path() -> Path:
    return platformdirs.user_config_path("ccx") / "credentials.json"


def _named(server: str) -> str:
    """One name for every way of writing the same address."""
    url = address_of(server)
    return str(url.copy_with(userinfo=b"")).rstrip("/")
