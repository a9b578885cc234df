"""Observing a process: which functions start, which files are opened."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

Started = Callable[[CodeType, FrameType | None], bool]
Opened = Callable[[object, object, object], None]


@contextmanager
def starts(look: Started) -> Iterator[None]:
    """Tell of each function that starts, in any thread."""
    if hasattr(sys, "monitoring"):
        with _monitored(sys.monitoring, look):
            yield
        return

    def called(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            look(frame.f_code, frame.f_back)

    before, before_elsewhere = sys.getprofile(), threading.getprofile()
    threading.setprofile(called)
    sys.setprofile(called)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(before_elsewhere)


@contextmanager
def _monitored(monitoring: Any, look: Started) -> Iterator[None]:  # noqa: ANN401 - a module of Python 3.12
    """Tell of each function that starts, until it need not be told again."""

    def started(code: CodeType, _: int) -> object:
        caller = sys._getframe(1).f_back  # noqa: SLF001 - who imports it decides
        return monitoring.DISABLE if look(code, caller) else None

    tool = next(t for t in (4, 3, 5, 2) if monitoring.get_tool(t) is None)
    monitoring.use_tool_id(tool, "bookfigs")
    event = monitoring.events.PY_START
    monitoring.register_callback(tool, event, started)
    monitoring.restart_events()
    monitoring.set_events(tool, event)
    try:
        yield
    finally:
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)


_listeners: list[Opened] = []
_installed: list[bool] = []


@contextmanager
def opens(look: Opened) -> Iterator[None]:
    """Tell of each file that is opened."""
    if not _installed:  # an audit hook stays as long as the process
        _installed.append(True)
        sys.addaudithook(_heard)
    _listeners.append(look)
    try:
        yield
    finally:
        _listeners.remove(look)


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _listeners:
        for look in _listeners:
            look(*arguments)


def is_reading(mode: object, flags: object) -> bool:
    """Whether a file is opened so that it can be read."""
    if isinstance(mode, str):
        return "r" in mode or "+" in mode
    return isinstance(flags, int) and flags & os.O_ACCMODE != os.O_WRONLY
