"""Loops over characters as machine code: the one place that knows numba.

Some of what is asked of a text is a walk from one character to the next, with a state. numpy can
say it only by several arrays as long as the text; a plain loop says it as it is, and numba
compiles that loop, which is then three to ten times as fast as numpy (`docs/decisions/01`).

A compiled loop takes arrays and numbers and gives arrays and numbers. What it calls and the
constants that it reads stand in its own file: what was compiled is kept beside that file, and kept
until that file changes. Tables come as arguments, or they would be copied into the code.

numba takes half a second to load. So it is loaded when a loop is first called, and what never calls
one never waits for it.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, update_wrapper
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(loop: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compiles a loop when it is first called, and keeps the code for the next process.

    Where nothing can be written beside the file, nor in the user's cache (`NUMBA_CACHE_DIR` names
    another place), each process compiles anew, which takes some seconds.

    >>> import numpy as np
    >>> @compiled
    ... def longest_run(codes):
    ...     longest = run = 0
    ...     for at in range(len(codes)):
    ...         run = run + 1 if at and codes[at] == codes[at - 1] else 1
    ...         longest = max(longest, run)
    ...     return longest
    >>> longest_run(np.frombuffer("あーーー".encode("utf-32-le"), np.uint32))
    3
    """
    return _Loop(loop)


class _Loop(Generic[_P, _R]):
    """A loop that is compiled when it, or another one of its file, is first called."""

    def __init__(self, loop: Callable[_P, _R]) -> None:
        self._loop = loop
        update_wrapper(self, loop)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return self._code(*args, **kwargs)

    @cached_property
    def _code(self) -> Callable[_P, _R]:
        file = self._loop.__globals__
        for name, found in [*file.items()]:
            if isinstance(found, _Loop) and found._loop.__globals__ is file:
                file[name] = found._with_numba  # which finds by its name what a loop calls
        return self._with_numba

    @cached_property
    def _with_numba(self) -> Callable[_P, _R]:
        njit = import_module("numba").njit
        made: Any
        try:
            made = njit(cache=True)(self._loop)
        except RuntimeError:  # numba: "no locator available": no place to write to
            made = njit(self._loop)
        else:
            file, cache = self._loop.__code__.co_filename, made._cache
            cache.load_overload = _locked(file, fcntl.LOCK_SH)(cache.load_overload)
            cache.save_overload = _locked(file, fcntl.LOCK_EX)(cache.save_overload)
        code: Callable[_P, _R] = made
        return code


@contextmanager
def _locked(path: str, kind: int) -> Iterator[None]:
    """Within it, no other process changes what is kept of a file's loops.

    numba keeps the code for each kind of arguments under a number. Two processes that compile at
    once can take the same number, and later ones would run code for other arguments under it, which
    gives wrong results without a word.
    """
    with Path(path).open("rb") as file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, kind)
        yield
