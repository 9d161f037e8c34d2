"""Times as people write them: `90d`, `12h`, `30m`, `45s`."""

from __future__ import annotations

import re

from ccx.errors import BadInput

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_duration(text: str, option: str) -> int:
    """Seconds. Raises BadInput."""
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", text.strip())
    if found is None or int(found[1]) == 0:
        raise BadInput(f"{option}: {text!r} is no time; write it like 90d, 12h or 30m.")
    return int(found[1]) * _SECONDS[found[2]]
