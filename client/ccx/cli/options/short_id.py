"""A few characters of an id instead of all 32. The ids of one minute begin alike, so their ends tell them apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ccx.errors import BadInput
from ccx.wire import MAX_PAGE

if TYPE_CHECKING:
    from ccx.client import Client

_SHORT = re.compile("[0-9a-f]{4,31}")
_MOST_PAGES = 5
_MOST_LISTED = 4


async def whole_id(client: Client, given: str) -> str:
    """The id among the newest 1,000 that ends, or begins, with what was given. Raises BadInput where there is none, or
    several. What cannot be a part of an id stays as it is.
    """
    if not _SHORT.fullmatch(given):
        return given
    ids = await _newest(client)
    found = [each for each in ids if each.endswith(given)] or [each for each in ids if each.startswith(given)]
    if len(found) > 1:
        listed = ", ".join(found[:_MOST_LISTED]) + (" and more" if len(found) > _MOST_LISTED else "")
        raise BadInput(f"{given!r} is a part of several ids: {listed}; give more of it.")
    if not found:
        raise BadInput(f"No submission has an id that ends or begins with {given!r}; 'ccx list' shows what there is.")
    return found[0]


async def _newest(client: Client) -> list[str]:
    ids: list[str] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await client.list(limit=MAX_PAGE, cursor=cursor)
        ids += [submission.id for submission in page.submissions]
        if (cursor := page.next_cursor) is None:
            break
    return ids
