"""How inputs become tasks: by a rule that depends only on the sorted inputs and a target size.

A large file that can be split gives several tasks, small files share one, and a file that cannot
be split is never cut. A task is named by the digest of what it covers, never by a position, so
the same inputs give the same tasks in whatever order they are named.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from pipeline import storage
from pipeline.sources import Input, Span, spans

SMALLEST_TASK = 8 << 20
"""A few seconds of work: smaller tasks would be more files and nothing else."""

LARGEST_TASK = 1 << 30
"""A WARC of Common Crawl is about 1 GB: one task."""

TASKS_WANTED = 64
"""Enough that a handful of workers end together, and that a crash costs little."""


@dataclass(frozen=True, slots=True)
class InputTask:
    """The spans that one attempt reads, in order.

    Attributes:
        spans: what the task covers.
        limit: the most records it reads, or None for all.
    """

    spans: tuple[Span, ...]
    limit: int | None = None

    @property
    def id(self) -> str:
        """The digest of the spans: path, size, and range of each."""
        return storage.digest([asdict(span) for span in self.spans])

    def __str__(self) -> str:
        first = self.spans[0]
        more = f" and {len(self.spans) - 1} more" if len(self.spans) > 1 else ""
        return f"task {self.id} ({first.path} from {first.start} to {first.end}{more})"


def target_size(inputs: Sequence[Input]) -> int:
    """Bytes of input a task should cover: a 64th of all, between 8 MiB and 1 GiB."""
    total = sum(item.size for item in inputs)
    return min(max(total // TASKS_WANTED, SMALLEST_TASK), LARGEST_TASK)


def plan(
    inputs: Sequence[Input], target: int | None = None, limit: int | None = None
) -> tuple[InputTask, ...]:
    """The tasks that cover the inputs.

    Args:
        inputs: sorted by path, as `pipeline.sources.resolve` gives them.
        target: bytes of input a task should cover; None chooses by `target_size`.
        limit: the most records that all tasks together read, shared evenly; None for all.
    """
    target = target or target_size(inputs)
    groups = list(_pack((spans(item, target) for item in inputs), target))
    if limit is None:
        return tuple(InputTask(group) for group in groups)
    share, rest = divmod(limit, len(groups))
    shares = [share + (number < rest) for number in range(len(groups))]
    limited = zip(groups, shares, strict=True)
    return tuple(InputTask(group, share) for group, share in limited if share)


def _pack(files: Iterable[Sequence[Span]], target: int) -> Iterator[tuple[Span, ...]]:
    """A task for each span of a file that was split; files that were not share tasks."""
    shared: list[Span] = []
    for pieces in files:
        if len(pieces) > 1:
            yield from ((piece,) for piece in pieces)
            continue
        if shared and sum(span.size for span in shared) + pieces[0].size > target:
            yield tuple(shared)
            shared = []
        shared.extend(pieces)
    if shared:
        yield tuple(shared)
