"""`ccx serve`: it needs the orchestrator on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from ccx.cli import embedded
from ccx.errors import BadInput


def serve(
    max_tasks: Annotated[
        int | None,
        typer.Argument(
            metavar="[MAX_TASKS]", min=1, help="Submissions that run at once. Left out: as the node's settings say."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The node's name in answers and logs.")] = None,
    host: Annotated[str | None, typer.Option(metavar="HOST", help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", min=0, max=65_535, help="Port to listen on. [default: 8700]")
    ] = None,
    languages: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Languages to serve, with commas, or none. Left out: all that have an image."
        ),
    ] = None,
    slave: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A node to send work to when this one is full. Repeatable.")
    ] = None,
    slave_dns: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:PORT", help="The same, for every address this name stands for. Repeatable."),
    ] = None,
    join: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A node that may send its work here. Repeatable.")
    ] = None,
    join_token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="What lets this node into the cluster; see 'ccx cluster join-command'."),
    ] = None,
    cluster_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=0, max=65_535, help="Where nodes with certificates of the cluster call. [default: 8701]"
        ),
    ] = None,
    advertise: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Where other nodes reach this one. [default: where it listens, or calls from]"
        ),
    ] = None,
    access: Annotated[
        bool | None,
        typer.Option(
            "--access/--no-access",
            help="Ask callers for tokens. Left out: where other machines reach the node.",
            show_default=False,
        ),
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Encrypt, with a certificate that the node makes or settings name.")
    ] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let other machines in without tokens, or without TLS, on purpose.")
    ] = False,
) -> int:
    """Start a node on the local Docker engine and serve until Ctrl-C."""
    of_cluster: dict[str, object] = {
        "slaves": tuple(slave or ()),
        "slave_dns": tuple(slave_dns or ()),
        "join": tuple(join or ()),
        "join_token": join_token,
        "advertise": advertise,
        "tls": tls,
        "insecure": insecure,
    }
    return embedded.serve(
        max_tasks,
        name,
        host,
        port,
        None if languages is None else () if languages == "none" else _names(languages),
        **{name: value for name, value in of_cluster.items() if value},
        access=access,
        cluster_port=cluster_port,
    )


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise BadInput(f"--languages: {text!r} has an empty name; write names with commas, such as c,java.")
    return names
