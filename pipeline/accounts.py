"""The books: in = documents + left out + problems, to the record."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import InputError, IntegrityError
from pipeline.tasks import Commit

RECORDS = "records"
DOCUMENTS = "documents"
LEFT_OUT = "left_out."
PROBLEM = "problem."
REMARK = "remark."
"""Oddities of records that were read all the same: counted beside the books, not in them."""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the records that extract read.

    Attributes:
        records: all that was read, or tried.
        documents: those that became Japanese documents.
        left_out: sound records that did not, by reason.
        problems: damage, by reason; a damaged input whose records cannot be told counts as one.
    """

    records: int
    documents: int
    left_out: dict[str, int]
    problems: dict[str, int]

    @classmethod
    def of(cls, commits: Iterable[Commit]) -> "Account":
        """Add up the counters of extract's commits.

        Raises:
            IntegrityError: if the books do not balance.
        """
        total: Counter[str] = Counter()
        for commit in commits:
            total.update(commit.counters)
        account = cls(
            total[RECORDS], total[DOCUMENTS], _under(LEFT_OUT, total), _under(PROBLEM, total)
        )
        account.check()
        return account

    def hold_to(self, tolerance: float) -> None:
        """Make sure that not too much of the input was damaged.

        Args:
            tolerance: the share of the records, 0 to 1, that may be problems.

        Raises:
            InputError: if more were; all that could be read is in the run all the same.
        """
        problems = sum(self.problems.values())
        if problems > tolerance * self.records:
            raise InputError(
                f"{problems:,} of {self.records:,} records could not be read, which is "
                f"{problems / self.records:.1%} and over --max-unreadable {tolerance:g}. All that "
                "could be read is kept. Mend the inputs and begin a new run, or allow for more."
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


def _under(prefix: str, total: Counter[str]) -> dict[str, int]:
    found = {name: n for name, n in total.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): n for name, n in sorted(found.items())}
