"""The program, started: `seimai`, or `python -m pipeline`.

Loading the libraries takes a second or two, in which nothing is begun that an interrupt could
harm; so until the commands are there, one ends the program at once.
"""

import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import NoReturn

_STOPS = (signal.SIGINT, signal.SIGTERM)
_STOPPED = 130


def main() -> NoReturn:
    """Load the commands and run the one that was asked for."""
    # What the shell has a background job ignore stays ignored.
    usual = {number: signal.getsignal(number) for number in _STOPS}
    for number in _STOPS:
        if usual[number] is not signal.SIG_IGN:
            signal.signal(number, _leave)
    commands = import_module("pipeline.cli")
    for number, handler in usual.items():
        signal.signal(number, handler)
    commands.main()
    sys.exit(0)


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End without unwinding: an import that is interrupted would answer with a trace."""
    os.write(sys.stderr.fileno(), b"seimai: stopped before anything was begun.\n")
    os._exit(_STOPPED)


if __name__ == "__main__":
    main()
