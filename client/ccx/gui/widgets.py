"""What every widget needs: a name for those who hear instead of see, and perhaps a hint."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtWidgets import QWidget

AnyWidget = TypeVar("AnyWidget", bound=QWidget)


def named(widget: AnyWidget, name: str = "", *, hint: str = "", is_hidden: bool = False) -> AnyWidget:
    """The widget, with what screen readers say of it."""
    if name:
        widget.setAccessibleName(name)
    if hint:
        widget.setToolTip(hint)
    if is_hidden:
        widget.hide()
    return widget
