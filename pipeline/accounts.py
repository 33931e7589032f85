"""The books: in = documents + left out + problems, to the record."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import InputError, IntegrityError
from pipeline.tasks import Commit

RECORDS = "records"
DOCUMENTS = "documents"
LEFT_OUT = "left_out."
PROBLEM = "problem."
PROBLEMS = "problems"
REMARK = "remark."
"""Oddities of records that were read all the same: counted beside the books, not in them."""

BOOKS = "books"
"""The note with how many records of each input were read, and how many of them are problems."""

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the records that extract read.

    Attributes:
        records: all that was read, or tried.
        documents: those that became Japanese documents.
        left_out: sound records that did not, by reason.
        problems: damage, by reason; a damaged input whose records cannot be told counts as one.
        inputs: how many inputs were read, or tried.
        unread: those of which nothing could be read: all that came of them is damage.
    """

    records: int
    documents: int
    left_out: dict[str, int]
    problems: dict[str, int]
    inputs: int = 0
    unread: tuple[str, ...] = ()

    @classmethod
    def of(cls, commits: Iterable[Commit]) -> "Account":
        """Add up the counters of extract's commits.

        Raises:
            IntegrityError: if the books do not balance.
        """
        total: Counter[str] = Counter()
        commits = list(commits)
        for commit in commits:
            total.update(commit.counters)
        inputs = by_input(commits)
        account = cls(
            total[RECORDS],
            total[DOCUMENTS],
            _under(LEFT_OUT, total),
            _under(PROBLEM, total),
            len(inputs),
            tuple(path for path, counts in inputs.items() if _is_unread(counts)),
        )
        account.check()
        return account

    def hold_to(self, tolerance: float) -> None:
        """Make sure that not too much of the input was damaged.

        A file that cannot be read at all is one problem among millions of records, and yet all of
        its records are missing: so inputs are weighed too.

        Args:
            tolerance: the share, 0 to 1, of the records that may be problems, and of the inputs
                of which nothing could be read.

        Raises:
            InputError: if more were; all that could be read is in the run all the same.
        """
        self._hold(
            sum(self.problems.values()), self.records, "records could not be read", tolerance
        )
        named = ", ".join(self.unread[:_NAMED]) + (" …" if len(self.unread) > _NAMED else "")
        said = f"inputs could not be read at all ({named})"
        self._hold(len(self.unread), self.inputs, said, tolerance)

    def _hold(self, damaged: int, of: int, said: str, tolerance: float) -> None:
        if damaged > tolerance * of:
            raise InputError(
                f"{damaged:,} of {of:,} {said}, which is {damaged / of:.1%} and over "
                f"--max-unreadable {tolerance:g}. All that could be read is kept. Mend the inputs "
                "and begin a new run, or allow for more."
            )

    def check(self) -> None:
        """Make sure that no record was lost or counted twice.

        Raises:
            IntegrityError: if one was.
        """
        left_out, problems = sum(self.left_out.values()), sum(self.problems.values())
        if self.records != self.documents + left_out + problems:
            raise IntegrityError(
                f"the counts do not add up: {self.records} records read, but {self.documents} "
                f"documents + {left_out} left out + {problems} problems. "
                "A sidecar was altered, or this is a defect of seimai: please report it."
            )


def by_input(commits: Iterable[Commit]) -> dict[str, Counter[str]]:
    """How many records of each input were read, and how many are problems, by path in order.

    Raises:
        IntegrityError: if a commit's note of them was damaged.
    """
    total: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for commit in commits:
        books: Any = commit.notes.get(BOOKS, {})
        try:
            for path, counts in books.items():
                total[path].update({name: int(counts[name]) for name in (RECORDS, PROBLEMS)})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise IntegrityError(
                f"the sidecar of task {commit.task}: its note {BOOKS!r} cannot be read "
                f"({error!r}). Delete it and run the same command again: the task is then redone."
            ) from error
    return dict(sorted(total.items()))


def _is_unread(books: Mapping[str, int]) -> bool:
    return books[PROBLEMS] == books[RECORDS] > 0


def _under(prefix: str, total: Counter[str]) -> dict[str, int]:
    found = {name: n for name, n in total.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): n for name, n in sorted(found.items())}
