"""What is wrong with a field, in our words: pydantic's own sentences are written for programmers. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ccx.wire.basics import ID_PATTERN, KEY_PATTERN

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_OURS = "Value error, "
_PLACE = re.compile(r"line (\d+) column (\d+)")
_SENTENCES = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_unicode": "must not have half of a surrogate pair: it is no character",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object: names with values, in braces",
    "model_type": "must be an object: names with values, in braces",
    "model_attributes_type": "must be an object: names with values, in braces",
}
_FORMS = {
    ID_PATTERN: "must be an id: 32 digits and letters from a to f, as the answer to POST has it",
    KEY_PATTERN: "must be 1 to 255 printable ASCII characters without blanks",
}
_WITH_CONTEXT: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "string_pattern_mismatch": lambda context: _FORMS.get(
        context["pattern"], f"must have the form {context['pattern']}"
    ),
    "greater_than": lambda context: f"must be above {context['gt']:.15g}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']:.15g}",
    "less_than": lambda context: f"must be below {context['lt']:.15g}",
    "less_than_equal": lambda context: f"must be at most {context['le']:.15g}",
    "literal_error": lambda context: f"must be {context['expected']}",
    "enum": lambda context: f"must be {context['expected']}",
    "string_too_long": lambda context: f"must have at most {_counted(context['max_length'], 'character')}",
    "too_long": lambda context: f"must have at most {_entries(context['max_length'])}",
    "too_short": lambda context: f"must have at least {_entries(context['min_length'])}",
    "string_too_short": lambda context: (
        "must not be empty"
        if context["min_length"] == 1
        else f"must have at least {_counted(context['min_length'], 'character')}"
    ),
}


def complaint(detail: ErrorDetails, known: Iterable[str] = ()) -> str:
    """What is wrong with the field, to be read after its name. `known` are the fields there are, for a misspelt one."""
    kind, message = detail["type"], detail["msg"]
    if kind == "value_error":
        return message.removeprefix(_OURS)
    if kind == "json_invalid":
        return _not_json(message)
    if kind == "extra_forbidden":
        return _unknown(str(detail["loc"][-1]), known)
    if kind in _WITH_CONTEXT:
        return _WITH_CONTEXT[kind](detail.get("ctx", {}))
    return _SENTENCES.get(kind, message[:1].lower() + message[1:])


def first_complaint(error: ValidationError) -> str:
    """The first thing that is wrong, after the name of its field, without a full stop."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    return f"{field}: {complaint(first)}" if field else complaint(first)


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one was meant for, None where none is like it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def _unknown(name: str, known: Iterable[str]) -> str:
    name_meant = meant(name, known)
    return "is not a field that is known here; " + (f"did you mean {name_meant!r}?" if name_meant else "take it out")


def _not_json(message: str) -> str:
    place = _PLACE.search(message)
    where = f" (line {place[1]}, column {place[2]})" if place else ""
    return f"is not JSON{where}"


def _entries(count: int) -> str:
    return f"{count} entry" if count == 1 else f"{count} entries"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
