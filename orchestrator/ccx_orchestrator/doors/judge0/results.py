"""What is asked for of a submission, wherever the node has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ccx.wire import State, Submission, SubmissionRequest
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.doors.judge0 import outgoing
from ccx_orchestrator.doors.judge0.incoming import JOINED


async def fields_of(
    node: Node, found: Submission, asked: SubmissionRequest | None, names: Sequence[str], *, is_encoded: bool
) -> dict[str, Any]:
    """Those fields. `asked`: what was sent, where that is known already. Raises NotText."""
    languages = {language.name: language for language in node.catalogue.all()}
    if asked is None and outgoing.OF_REQUEST.intersection(names):
        asked = await node.submissions.request(found.id)
    told = []
    if found.cases and found.cases[-1].name == JOINED and found.state is State.DONE:
        journal = await node.submissions.event_stream.journal(found.id)
        told = [entry.told for entry in journal.entries]
    language = languages.get(found.language)
    return outgoing.answer(found, asked, language, told, fields=names, is_encoded=is_encoded)


async def judge0_result(node: Node, found: Submission) -> bytes:
    """What is sent to a callback address."""
    fields = await fields_of(node, found, None, outgoing.DEFAULT_FIELDS, is_encoded=True)
    return json.dumps(fields).encode()
