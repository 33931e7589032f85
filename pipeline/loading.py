"""Loading libraries, in which nothing is begun that an interrupt could harm."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_STOPS = (signal.SIGINT, signal.SIGTERM)
_STOPPED = 130


@contextmanager
def loading() -> Iterator[None]:
    """Within it, modules are imported, and an interrupt ends the program at once.

    That takes a second or two, and an import that is interrupted would answer with a trace.
    """
    usual = {number: signal.getsignal(number) for number in _STOPS}
    for number in _STOPS:
        if usual[number] is not signal.SIG_IGN:  # what the shell has a background job ignore
            signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End without unwinding."""
    os.write(sys.stderr.fileno(), b"seimai: stopped before anything was begun.\n")
    os._exit(_STOPPED)
