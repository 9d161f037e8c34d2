"""The only reader of the environment and of `ccx.toml`.

A command that a user runs in a folder of somebody else's must not obey a file in it: one that names slaves would be
sent programs. So `ccx.toml` in the current directory counts for `ccx serve` alone; all other
commands read what the machine's and the user's own folders for configuration have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ccx.errors import BadInput
from ccx.wire import HIGHEST_PRIORITY
from ccx.wire.complaints import complaint, meant
from ccx_orchestrator.access.connections import READ_SECONDS
from ccx_orchestrator.access.posture import Locks
from ccx_orchestrator.domain.addresses import EVERYWHERE, url_of
from ccx_orchestrator.domain.language import LimitChange

CONFIG_FILE = "ccx.toml"
DATABASE_URL = r"^(memory:|postgresql://.*)$"
PREFIX = "CCX_"
# Read by others than a node: the command line, the compose files, the tests and the benchmarks.
CONFIG_VARIABLE = "CCX_CONFIG"
OTHER_VARIABLES = (
    *(CONFIG_VARIABLE, "CCX_SERVER", "CCX_DEBUG", "CCX_PUBLISH", "CCX_PREFIX", "CCX_SLOTS", "CCX_RUNTIME_DIR"),
    *("CCX_TOKEN", "CCX_TOKEN_FILE", "CCX_CA"),
)
_CERTIFICATES = (
    "nodes know each other by certificates. On a master's machine 'ccx cluster init' begins, and 'ccx cluster"
    " join-command' prints what to start a slave with. See docs/cluster.md."
)
# What settings of earlier versions have become.
GONE = {"cluster_token": _CERTIFICATES, "cluster_token_file": _CERTIFICATES}
OTHER_PREFIXES = ("CCX_DOCKER_", "CCX_BENCH_", "CCX_CHAOS_", "CCX_NODE_IMAGE", "CCX_PROXY_IMAGE")

_files: ContextVar[tuple[Path, ...]] = ContextVar("files", default=())


class BadSettings(BadInput):
    """A setting that makes no sense, named with its remedy."""


def _images_folder() -> Path:
    """The images folder of an installed package, or of the source tree it runs from."""
    packaged = Path(__file__).parent / "images"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "images"


def _secret(name: str, given: str | None, file: Path | None) -> str | None:
    """What was given, or what the file has, which is how Docker and systemd hand secrets over. Raises BadSettings."""
    if file is None:
        return given
    try:
        return file.read_text().strip() or None
    except (OSError, ValueError) as error:
        raise BadSettings(f"The setting '{name}_file': {str(file)!r} cannot be read: {error}") from error


Door = Literal["jobe", "judge0", "mcp", "piston"]


class Settings(BaseSettings):
    """A node's settings: what the command line says, else `CCX_…` in the environment, else `ccx.toml`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", max_length=64)] = "master"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8700
    max_tasks: Annotated[int, Field(ge=1, le=1024)] = os.cpu_count() or 1
    languages: Annotated[tuple[str, ...] | None, NoDecode] = None
    # Sandboxes started ahead, of each language; of the memory budget (None: a quarter of the machine's) each takes its
    # memory limit, though an idle one uses hardly any.
    pool: bool = True
    pool_minimum: Annotated[int, Field(ge=0, le=256)] = 1
    pool_maximum: Annotated[int, Field(ge=0, le=256)] = 16
    pool_memory_bytes: Annotated[int, Field(ge=0)] | None = None
    pool_idle_seconds: Annotated[float, Field(ge=1)] = 900.0
    pool_starts_at_once: Annotated[int, Field(ge=1, le=64)] = os.cpu_count() or 1
    # The engine's runtime, for all languages and for single ones: a name as `docker info` lists it. `auto`: crun where
    # the engine has it and it works, else the engine's default.
    runtime: str = "auto"
    runtimes: dict[str, str] = {}
    # Other limits than the languages' folders have: what is given unasked, and the most that may be asked for.
    limits: dict[str, LimitChange] = {}
    images_dir: Path = Field(default_factory=_images_folder)
    queue_bound: Annotated[int, Field(ge=0)] = 1_000
    queue_bound_bytes: Annotated[int, Field(ge=1024)] = 256 * 1024 * 1024
    highest_priority: Annotated[int, Field(ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)] = HIGHEST_PRIORITY
    max_attempts: Annotated[int, Field(ge=1)] = 5
    state_dir: Path = Field(default_factory=lambda: platformdirs.user_state_path("ccx"))
    database_url: Annotated[str, Field(pattern=DATABASE_URL)] | None = None
    database_url_file: Path | None = None
    sqlite_synchronous: Literal["full", "normal"] = "full"
    lease_seconds: Annotated[float, Field(ge=3)] = 10.0
    retention_seconds: Annotated[float, Field(gt=0)] = 7 * 24 * 3600.0
    retention_count: Annotated[int, Field(ge=1)] = 100_000
    callback_secret: SecretStr | None = None
    callback_secret_file: Path | None = None
    callback_private_addresses: bool = False
    traces: bool = Field(default_factory=lambda: any(name.startswith("OTEL_EXPORTER_OTLP") for name in os.environ))
    # APIs of other systems that this node answers as well.
    doors: Annotated[tuple[Door, ...], NoDecode] = ("jobe", "judge0", "mcp", "piston")
    doors_ports: dict[Door, Annotated[int, Field(ge=0, le=65_535)]] = {}
    # At the door: names of this node beside those that it knows itself, pages of other sites that may use it, for how
    # long a request may take to arrive, and how many connections there may be (None: what descriptors allow).
    hosts: Annotated[tuple[str, ...], NoDecode] = ()
    origins: Annotated[tuple[str, ...], NoDecode] = ()
    read_seconds: Annotated[float, Field(gt=0)] = READ_SECONDS
    max_connections: Annotated[int, Field(ge=2)] | None = None
    max_body_bytes: Annotated[int, Field(ge=1024)] = 32 * 1024 * 1024
    shutdown_seconds: Annotated[float, Field(ge=0)] = 20.0
    # Locks: whether callers need tokens (None: where other machines reach this node), what who has none may do, and
    # what is shown to anybody; TLS, with a certificate of one's own or one the node makes; or neither, on purpose.
    access: bool | None = None
    anonymous: Literal["none", "read", "user"] = "none"
    public: Annotated[tuple[Literal["docs", "metrics"], ...], NoDecode] = ("docs",)
    insecure: bool = False
    tls: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    slaves: Annotated[tuple[str, ...], NoDecode] = ()
    join: Annotated[tuple[str, ...], NoDecode] = ()
    slave_dns: Annotated[tuple[str, ...], NoDecode] = ()
    advertise: str | None = None
    # Where nodes with certificates of the cluster call, what lets this one in at its first start, and what the key of
    # the cluster's authority is sealed with.
    cluster_port: Annotated[int, Field(ge=0, le=65_535)] = 8701
    join_token: SecretStr | None = None
    join_token_file: Path | None = None
    cluster_key: SecretStr | None = None
    cluster_key_file: Path | None = None
    unserved_seconds: Annotated[float, Field(ge=0)] = 60.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("slaves", "join", "slave_dns", "hosts", "origins", "doors", "public", mode="before")
    @classmethod
    def _split_addresses(cls, value: object) -> object:
        """`http://h1:8700,http://h2:8700` as the environment has it."""
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    def secret(self, name: Literal["callback_secret", "cluster_key", "join_token"]) -> str | None:
        """A setting that is a secret, from itself or from its file: what callbacks are signed with, what the cluster's
        authority is sealed with, what lets this node in. Raises BadSettings where the file cannot be read.
        """
        given: SecretStr | None = getattr(self, name)
        file: Path | None = getattr(self, f"{name}_file")
        return _secret(name, given.get_secret_value() if given else None, file)

    def database(self) -> str | None:
        """Where submissions are kept; None: in the file of this node. Raises BadSettings where its file cannot be read,
        or has no such URL in it.
        """
        url = _secret("database_url", self.database_url, self.database_url_file)
        if url is not None and not re.match(DATABASE_URL, url):
            raise BadSettings(
                "The setting 'database_url_file' names a file without a URL that begins with postgresql://"
            )
        return url

    @property
    def given_certificate(self) -> tuple[Path, Path] | None:
        """The operator's certificate and its key. Raises BadSettings where one of both is missing."""
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise BadSettings("The settings tls_certificate and tls_key need each other: name both files, or none.")
        return (self.tls_certificate, self.tls_key) if self.tls_certificate and self.tls_key else None

    @property
    def locks(self) -> Locks:
        """Whether the node may start at its address."""
        return Locks(self.host, self.access, self.tls or self.given_certificate is not None, self.insecure)

    def reached_at(self, port: int, *, is_encrypted: bool) -> str | None:
        """The URL by which other nodes reach this one, at that port; None where it listens everywhere, and only they
        can tell.
        """
        return self.advertise or (
            None if self.host in EVERYWHERE else url_of(self.host, port, is_encrypted=is_encrypted)
        )

    @property
    def is_cluster(self) -> bool:
        """Whether other nodes are expected."""
        return bool(self.slaves or self.slave_dns) or self.languages == ()

    @field_validator("languages", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """`c,java` as the environment and the command line have it; `none` is no language at all."""
        if not isinstance(value, str):
            return value
        words = tuple(word.strip() for word in value.split(",") if word.strip())
        return () if words == ("none",) else words

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (pydantic-settings passes it by name)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, then environment, then file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, list(_files.get()))


def config_files(*, in_current_directory: bool) -> tuple[Path, ...]:
    """Where `ccx.toml` may be, the one that counts most last. A file that was named is the only one. Raises
    BadSettings where it is not there.
    """
    if named := os.environ.get(CONFIG_VARIABLE):
        if not Path(named).is_file():
            raise BadSettings(f"There is no file {named!r}, which --config or {CONFIG_VARIABLE} names.")
        return (Path(named),)
    files = (Path("/etc/ccx") / CONFIG_FILE, platformdirs.user_config_path("ccx") / CONFIG_FILE)
    return (*files, Path(CONFIG_FILE)) if in_current_directory else files


def load_settings(*, in_current_directory: bool = False, **given: object) -> Settings:
    """The settings, with those given (and not None) first. `in_current_directory`: a `ccx.toml` there counts as well.
    Raises BadSettings.
    """
    files = config_files(in_current_directory=in_current_directory)
    _check_variables(os.environ)
    token = _files.set(files)
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise _explain(error) from error
    except (OSError, ValueError) as error:
        raise BadSettings(f"{_found(files)} cannot be read: {error}") from error
    finally:
        _files.reset(token)


def _check_variables(environment: Iterable[str]) -> None:
    """A misspelt setting must not be overlooked: a misspelt token leaves a node open."""
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in OTHER_VARIABLES or name.startswith(OTHER_PREFIXES):
            continue
        if gone := GONE.get(name.removeprefix(PREFIX).lower()):
            raise BadSettings(f"There is no setting {name} any more: {gone}")
        if name.removeprefix(PREFIX).lower() not in Settings.model_fields:
            known = [PREFIX + field.upper() for field in Settings.model_fields]
            raise BadSettings(f"There is no setting {name}.{_meant(name, known)} docs/settings.md has all of them.")


def _explain(error: ValidationError) -> BadSettings:
    first = error.errors()[0]
    field = str(first["loc"][0])
    if gone := GONE.get(field):
        return BadSettings(f"There is no setting {field!r} any more ({CONFIG_FILE}): {gone}")
    if first["type"] == "extra_forbidden":
        suggestion = _meant(field, Settings.model_fields)
        return BadSettings(
            f"There is no setting {field!r} ({CONFIG_FILE}).{suggestion} docs/settings.md has all of them."
        )
    return BadSettings(
        f"The setting {field!r} ({PREFIX}{field.upper()}, or in {CONFIG_FILE}) cannot be used: it {complaint(first)}."
    )


def _meant(name: str, known: Iterable[str]) -> str:
    alike = meant(name, known)
    return f" Did you mean {alike}?" if alike else ""


def _found(files: tuple[Path, ...]) -> str:
    return ", ".join(str(file) for file in files if file.exists()) or CONFIG_FILE
