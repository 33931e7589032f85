"""WARC and WET: fast where a file is sound, careful where it is not.

A gzipped WARC is a row of gzip members, one a record. fastwarc reads them at full speed; at bytes
that it does not understand it stops, or ends quietly. So a record that it gives is passed on only
when the next one was found behind it. Wherever it stops, for whatever reason, the members from
there on are walked one by one with zlib, each to its own end, and what is damaged is named; behind
the damage the fast reader goes on.

Everything else (not compressed, or compressed as a whole) is walked with care from its beginning.
"""

import io
import itertools
import zlib
from collections.abc import Generator, Iterator
from typing import BinaryIO

from fastwarc.warc import ArchiveIterator

from pipeline import storage
from pipeline.sources.compressed import (
    GZIP_MAGIC,
    ZSTD_MAGIC,
    Frame,
    inflated,
    is_compressed,
)
from pipeline.sources.fields import TOO_LARGE
from pipeline.sources.pages import (
    UnsoundError,
    header_fields,
    http_fields,
    outcome,
    public_url,
    why_no_page,
)
from pipeline.sources.records import Problem, Record, Skipped, Span
from pipeline.sources.walk import INCOMPLETE, MAX_RECORD, VERSION, Block, walk

Outcome = Record | Skipped | Problem

_CHUNK = 256 << 10
_BUFFER = 64 << 10  # what fastwarc reads at a time
_SLACK = 4  # buffers that it may read beyond a record's length: up to three in sound files
_MAX_INFLATED = 256 << 20  # of one member: a bomb is left there, and the next member searched
_MEMBER_HEAD = 1 << 10  # compressed bytes that always hold the first five of a record


def cut(path: str, size: int, target: int) -> list[int]:
    """Offsets that bound parts of about `target` bytes, from 0 to the file's size.

    One gzip member a record: any offset will do, since `read` looks for the next member. Not
    compressed: at records, found by reading from the first one on, since a page may hold a line
    that looks like a record. Compressed as a whole: never cut.
    """
    with storage.open_read(path) as file:
        if _has_a_member_a_record(file):
            parts = max(1, round(size / target))
            return [size * part // parts for part in range(parts + 1)]
        bounds = [0]
        if not is_compressed(file):
            for block in walk(inflated(file), 0, None, size):
                if block.position - bounds[-1] >= target:
                    bounds.append(block.position)
        return [*bounds, size]


def read(span: Span) -> Iterator[Outcome]:
    """The records of a span in order, each once, and the damage between them.

    Args:
        span: of bytes, as `cut` bounds them.

    Yields:
        A `Record` for a page, `Skipped` for a sound record that is none, a `Problem` for damage.
    """
    with storage.open_read(span.path) as file:
        if _has_a_member_a_record(file):
            yield from _Members(file, span).read()
            return
        if is_compressed(file):
            blocks = walk(inflated(file), 0, None)
        else:
            content = inflated(file)
            content.seek(span.start)
            blocks = walk(content, span.start, span.end, span.size)
        for block in blocks:
            yield _outcome(block, span.path, block.position)


class _Members:
    """A span of a WARC with one gzip member a record."""

    def __init__(self, file: BinaryIO, span: Span) -> None:
        self._file = file
        self._path = span.path
        self._start = span.start
        self._end = span.end

    def read(self) -> Iterator[Outcome]:
        position = next_member(self._file, self._start)
        if self._start == 0 and position != 0:
            yield self._garbage(0, position)
        while position is not None and self._is_ours(position):
            last = yield from self._read_fast(position)
            position = yield from self._read_with_care(position, last)

    def _read_fast(self, position: int) -> Generator[Outcome, None, int | None]:
        """Pass on each record behind which another one was found; return the last one's place."""
        last: int | None = None
        held: tuple[int, Outcome] | None = None
        for place, found in self._as_fastwarc_gives(position):
            if held is not None:
                if place <= held[0]:
                    break
                yield held[1]
                last = held[0]
            if place >= self._end:
                break
            held = place, found
        return last

    def _as_fastwarc_gives(self, position: int) -> Iterator[tuple[int, Outcome]]:
        self._file.seek(position)
        leash = _Leash(self._file)
        try:
            for record in ArchiveIterator(leash):
                length = record.content_length
                if length > MAX_RECORD or record.headers.is_empty():
                    return
                leash.buffers = length // _BUFFER + _SLACK
                place = record.stream_pos
                yield place, outcome(record, self._path, place)
        except (OSError, UnsoundError):
            return

    def _read_with_care(
        self, position: int, last: int | None
    ) -> Generator[Outcome, None, int | None]:
        """Walk members up to one sound record; return where to go on, or None at the end.

        The walk begins in the member of the last record that was passed on, without that record:
        only so is it known where that member ends, and that nothing else is in it.
        """
        place: int | None = position if last is None else last
        while place is not None and (place == last or self._is_ours(place)):
            member = Frame(self._file, place, _MAX_INFLATED)
            sound = yield from self._walk_member(member, 1 if place == last else 0)
            next_place = yield from self._place_behind(member)
            if sound and place != last:
                return next_place
            place = next_place
        return None

    def _is_ours(self, place: int) -> bool:
        """Whether a member behind one of ours is ours: it begins in the span, or is no record.

        The reader of the next span would not find one that is no record.
        """
        return place < self._end or not _begins_a_record(_bytes_at(self._file, place))

    def _walk_member(self, member: Frame, known: int) -> Generator[Outcome, None, bool]:
        """The records of a member but for the first `known`; returns whether it was one, sound."""
        sound, number = True, 0
        for number, block in enumerate(_blocks(member), 1):
            sound = sound and block.reason is None
            if number > known:
                yield _outcome(block, self._path, member.start + number - 1)
        return sound and number == 1

    def _place_behind(self, member: Frame) -> Generator[Outcome, None, int | None]:
        """Where the next member begins, with a `Problem` for what is no member before it."""
        if member.end is None:
            behind = member.reached if member.is_bomb else member.start + 1
            return next_member(self._file, behind)
        following = _bytes_at(self._file, member.end)
        if following.startswith(GZIP_MAGIC):
            return member.end
        if not following:
            return None
        found = next_member(self._file, member.end)
        yield self._garbage(member.end, found)
        return found

    def _garbage(self, start: int, end: int | None) -> Problem:
        stretch = "all bytes to the end" if end is None else f"{end - start} bytes"
        return Problem(self._path, start, None, "garbage", f"{stretch} belong to no record")


class _Leash(io.RawIOBase):
    """A file of which fastwarc may read only so far from one record to the next.

    It passes blank lines without end: a megabyte of compressed ones would take it 15 seconds.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.buffers = _SLACK

    def read(self, size: int = -1) -> bytes:
        """Read on, if not too far."""
        self.buffers -= 1
        if self.buffers < 0:
            raise OSError("no record where one should be")
        return self._file.read(size)

    def tell(self) -> int:
        """The place in the file: fastwarc counts from it."""
        return self._file.tell()


def next_member(file: BinaryIO, position: int) -> int | None:
    """The first gzip member at or after a place whose content begins as a record; None if none."""
    file.seek(position)
    held = b""
    while True:
        chunk = file.read(_CHUNK)
        held += chunk
        at = held.find(GZIP_MAGIC)
        while at >= 0 and (at + _MEMBER_HEAD <= len(held) or not chunk):
            if _begins_a_record(held[at : at + _MEMBER_HEAD]):
                return position + at
            at = held.find(GZIP_MAGIC, at + 1)
        if not chunk:
            return None
        keep = at if at >= 0 else max(0, len(held) - len(GZIP_MAGIC) + 1)
        held, position = held[keep:], position + keep


def _begins_a_record(compressed: bytes) -> bool:
    try:
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        return stream.decompress(compressed, len(VERSION)) == VERSION
    except zlib.error:
        return False


def _has_a_member_a_record(file: BinaryIO) -> bool:
    """Whether the first gzip member is one record or damaged; a record that goes on is neither."""
    head = _bytes_at(file, 0)
    if not head.startswith(GZIP_MAGIC):
        plain = head.startswith((VERSION, ZSTD_MAGIC))
        return not plain and next_member(file, 0) is not None
    member = Frame(file, 0, _MAX_INFLATED)
    blocks = list(itertools.islice(_blocks(member), 2))
    if len(blocks) == 2:
        return False
    goes_on = blocks and blocks[0].reason == INCOMPLETE and member.end is not None
    if not goes_on:
        return True
    following = _bytes_at(file, member.end or 0)
    return _begins_a_record(following) or not following.startswith(GZIP_MAGIC)


def _bytes_at(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(_MEMBER_HEAD)


def _blocks(member: Frame) -> Iterator[Block]:
    """The records of a member; if it is damaged, the last of them is."""
    previous: Block | None = None
    for block in walk(io.BufferedReader(member), 0, None):
        if previous is not None:
            yield previous
        previous = block
    if member.damage and (previous is None or previous.reason != TOO_LARGE):
        data = previous.data if previous else b""
        previous = Block(0, data, "compressed_data", member.damage)
    if previous is not None:
        yield previous


def _outcome(block: Block, path: str, position: int) -> Outcome:
    """What a block of the careful reader is: a page, no page, or damage with the URL it names."""
    # Not by WarcRecord.from_bytes: fastwarc 2.0.1 allocates the length that a header declares, and
    # aborts the process where that fails.
    try:
        record = next(iter(ArchiveIterator(io.BytesIO(block.data))))
        if block.reason is None:
            return outcome(record, path, position)
        warc, http = header_fields(record.headers), http_fields(record)
        skipped = why_no_page(record, warc, http) if block.reason == TOO_LARGE else None
        url = public_url(warc)
    except (OSError, UnsoundError, StopIteration) as error:
        skipped, url = None, None
        if block.reason is None:
            block = Block(position, b"", "record_unreadable", str(error))
    return skipped or Problem(path, position, url, block.reason or "", block.detail)
