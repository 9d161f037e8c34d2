"""The commands of `ccx`: where each is, and the examples below its help."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PLACES = {
    "run": "run.run",
    "submit": "submissions.submit",
    "status": "submissions.status",
    "logs": "submissions.logs",
    "cancel": "submissions.cancel",
    "list": "submissions.list_submissions",
    "serve": "serve.serve",
    "start": "own_node.start",
    "stop": "own_node.stop",
    "nodes": "nodes.nodes",
    "top": "nodes.top",
    "languages": "languages.languages",
    "doctor": "doctor.doctor",
    "images": "images.images",
    "grade": "grade.grade_all",
    "gui": "gui.gui",
    "mcp": "mcp.mcp",
    "login": "access.login",
    "logout": "access.logout",
    "whoami": "access.whoami",
    "token": "token.token",
    "cluster": "cluster.cluster",
}
_EXAMPLES = {
    "run": """
[bold]Examples[/]

[cyan]ccx run hello.py[/]               one file
[cyan]ccx run sum.c < numbers.txt[/]    what is piped in is standard input
[cyan]ccx run sort.c -- -r names[/]     the program's arguments come after --
[cyan]ccx run Main.java Shape.java[/]   several files, the main one first
[cyan]ccx run project/[/]               a directory with a file called main
[cyan]ccx run --limit cpu=2,memory=128m hungry.c[/]
[cyan]ccx run plot.py --artifact plot.png --artifacts-dir out[/]
[cyan]ccx run -i guess.py[/]            a program to type to
[cyan]ccx run -l c - < hello.c[/]       the program itself is piped in

[bold]Exit codes[/]

The program's own, 128 + n where signal n ended it, or one of ccx's:
201 compile error, 202 wrong answer, 203 CPU time, 204 wall time,
205 memory, 206 output, 207 processes, 208 cancelled, 210 internal error,
211 node unreachable, 212 bad input, 213 queue full, 214 access denied.
""",
    "submit": """
[bold]Examples[/]

[cyan]id=$(ccx submit slow.py)[/]   hand it in
[cyan]ccx status -f $id[/]          wait for its end
[cyan]ccx logs -f $id[/]            see what it writes, from its start to its end
[cyan]ccx cancel $id[/]             end it
[cyan]ccx list --state running[/]   what there is
""",
    "serve": """
[bold]Examples[/]

[cyan]ccx serve[/]                            on http://127.0.0.1:8700
[cyan]ccx serve 4 --languages c,java[/]       four submissions at a time, two languages
[cyan]ccx serve --host 0.0.0.0 --tls[/]         for other machines as well, who need tokens
[cyan]ccx serve 2 --slave http://h1:8700[/]   what does not fit here runs on h1
[cyan]ccx serve 4 --join http://master:8700[/]   takes what does not fit there (and see ccx cluster)
""",
    "start": """
[bold]Examples[/]

[cyan]ccx start[/]              once
[cyan]ccx run hello.py[/]       on it, in a fraction of the time
[cyan]ccx start 4 --idle 15m[/] four at a time, and it ends by itself
[cyan]ccx stop[/]
""",
    "nodes": """
[bold]Examples[/]

[cyan]ccx nodes --server http://master:8700[/]
[cyan]ccx nodes drain h1[/]         before its machine is switched off
[cyan]ccx nodes drain h1 --off[/]   when it is back
[cyan]ccx nodes revoke h1[/]        its certificate counts no more
""",
    "languages": """
[bold]Examples[/]

[cyan]ccx languages[/]                                   of this machine
[cyan]ccx languages --server http://node-1:8700 --json[/]
""",
    "doctor": """
[bold]Examples[/]

[cyan]ccx doctor[/]          exit code 1 if anything failed
[cyan]ccx doctor --json[/]
""",
    "grade": """
[bold]Examples[/]

[cyan]ccx grade class/ --tests tests/[/]
[cyan]ccx grade moodle.zip --tests tests/ --report class.html --csv class.csv[/]
[cyan]ccx grade solutions/ --tests problem/ --junit out.xml --server https://h1:8700[/]
""",
    "gui": """
[bold]Examples[/]

[cyan]ccx gui[/]                                    asks which node
[cyan]ccx gui http://127.0.0.1:8700 hello.py[/]
""",
    "mcp": """
[bold]Examples[/]

[cyan]ccx mcp[/]                                a node of its own, on the local Docker engine
[cyan]ccx mcp --server http://127.0.0.1:8700[/]
""",
    "login": """
[bold]Examples[/]

[cyan]ccx login https://ccx.school.example:8700[/]
[cyan]ccx login https://h1:8700 < token.txt[/]   or set CCX_TOKEN, or CCX_TOKEN_FILE
""",
    "token": """
[bold]Examples[/]

[cyan]ccx token create root --role admin[/]   the first one, on the node's machine
[cyan]ccx token create alice --expires 90d --quota running=4,per-minute=60[/]
[cyan]ccx token list[/]
[cyan]ccx token revoke alice --server https://ccx.school.example:8700[/]
""",
    "cluster": """
[bold]Examples[/]

[cyan]ccx cluster init[/]           once, on the master's machine
[cyan]ccx cluster join-command[/]   what to start a slave with
[cyan]ccx cluster members[/]
[cyan]ccx cluster rotate[/]         another authority; then rotate --finish
""",
}

NAMES = tuple(_PLACES)


def load(name: str) -> tuple[Any, str | None]:
    """The command of that name, a function or a group, and what stands below its help."""
    module, _, attribute = _PLACES[name].partition(".")
    return getattr(import_module(f"ccx.cli.commands.{module}"), attribute), _EXAMPLES.get(name)
