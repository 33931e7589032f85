"""Loading libraries: what an interrupt does meanwhile, and what is left out."""

import gc
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import FrameType, ModuleType
from typing import NoReturn

_STOPS = (signal.SIGINT, signal.SIGTERM)
_STOPPED = 130


@contextmanager
def loading() -> Iterator[None]:
    """Within it, modules are imported, and an interrupt ends the program at once.

    An import that is interrupted would answer with a trace. What is loaded stays, so that looking
    for garbage in it, then and later, would find nothing: that spares a tenth of the time.
    """
    gc.disable()
    usual = {number: signal.getsignal(number) for number in _STOPS}
    for number in _STOPS:
        if usual[number] is not signal.SIG_IGN:  # what the shell has a background job ignore
            signal.signal(number, _leave)
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        for number, handler in usual.items():
            signal.signal(number, handler)


def without_pandas() -> None:
    """Have this process do without pandas, which pyarrow and Beam load wherever it is installed.

    That takes a quarter of a second; and nothing here ever makes or takes a data frame.
    """
    sys.meta_path.insert(0, _NoPandas())


class _NoPandas(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the signature of a finder
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is left out: see pipeline.loading", name=fullname)


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End without unwinding."""
    os.write(sys.stderr.fileno(), b"seimai: stopped before anything was begun.\n")
    os._exit(_STOPPED)
