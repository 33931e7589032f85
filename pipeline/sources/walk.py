"""The careful reader: WARC records one by one from a stream of bytes, and the damage between them.

It trusts nothing: a record counts as sound only where its declared length leads to the blank lines
before the next record, or to the end. After damage it goes on at the next line that begins a
record. Memory is bounded by one record of `MAX_RECORD` bytes.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.sources.fields import MAX_PAYLOAD, TOO_LARGE

MAX_RECORD = MAX_PAYLOAD + (256 << 10)
"""Bytes of a record that are held in memory: a payload and its headers."""

MOST_DECLARED = 1 << 40
"""Bytes that a record can have in a stream whose size is not known: no file of a crawl is longer.
A length beyond is false, and what it covers is searched for records."""

MAX_HEADER = 32 << 10
"""Bytes of a record's own headers, as in fastwarc."""

INCOMPLETE = "record_incomplete"
VERSION = b"WARC/"

_CHUNK = 64 << 10
_LINE_VERSION = b"\nWARC/1."
_END_OF_HEADER = b"\r\n\r\n"
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Block:
    """One record as bytes, or damage.

    Attributes:
        position: offset of its first byte in the stream.
        data: the whole record; of a damaged or too large one only what was looked at.
        reason: why it cannot be used; None if it is sound.
        detail: what was found, for a person.
    """

    position: int
    data: bytes
    reason: str | None = None
    detail: str = ""


def walk(
    content: io.BufferedReader, start: int, end: int | None, size: int = MOST_DECLARED
) -> Iterator[Block]:
    """Every record that begins in `start` to `end`, and every damaged stretch, in order.

    Args:
        content: not compressed, standing at `start`.
        start: offset of the first byte that will be read.
        end: no record that begins there or later is given; None for no end.
        size: where the content ends, if that is known: no record can go on behind it.
    """
    window = _Window(content, start)
    while True:
        window.skip_blank_lines()
        if end is not None and window.position >= end:
            return
        head = window.peek(MAX_HEADER)
        if not head:
            break
        block, length = _block(window, head, size)
        yield block
        if length is None:
            window.go_to(_LINE_VERSION)
        else:
            window.skip(length)
    if window.damage is not None:
        yield Block(window.position, b"", "compressed_data", window.damage)


def _block(window: "_Window", head: bytes, size: int) -> tuple[Block, int | None]:
    """The record or damage where the window stands, and its length if that can be trusted."""
    position = window.position
    if not head.startswith(VERSION):
        return Block(position, head, "garbage", f"no record begins here but {head[:16]!r}"), None
    header_end = head.find(_END_OF_HEADER)
    if header_end < 0:
        whole = len(head) == MAX_HEADER
        detail = f"no end within {MAX_HEADER} bytes" if whole else "the input ends inside it"
        return Block(position, head, "warc_header", detail), None
    declared = _LENGTH.search(head, 0, header_end + 2)
    if declared is None:
        return Block(position, head, "warc_header", "no usable Content-Length"), None
    length = header_end + len(_END_OF_HEADER) + int(declared[1])
    if length > MAX_RECORD:
        is_false = position + length > size
        return _large(position, head, length, is_false=is_false), None if is_false else length
    data = window.peek(length + 2 * len(_END_OF_HEADER) + len(VERSION))
    fault = _fault_at_end(data, length)
    if fault is not None:
        return Block(position, head, *fault), None
    return Block(position, data[:length]), length


def _large(position: int, head: bytes, length: int, *, is_false: bool) -> Block:
    if is_false:
        detail = f"declares a record of {length} bytes, more than there can be"
        return Block(position, head, "content_length", detail)
    detail = f"a record of {length} bytes; at most {MAX_PAYLOAD} of payload are taken"
    return Block(position, head, TOO_LARGE, detail)


def _fault_at_end(data: bytes, length: int) -> tuple[str, str] | None:
    if len(data) < length:
        return INCOMPLETE, f"ends after {len(data)} of {length} bytes"
    behind = data[length:]
    if behind.startswith(_END_OF_HEADER):
        return None
    rest = behind.lstrip(b"\r\n")
    if rest and not rest.startswith(VERSION):
        return "content_length", f"the record does not end after the {length} bytes it declares"
    return None


class _Window:
    """A stream that is looked at before it is passed; damage in it is its end."""

    def __init__(self, content: io.BufferedReader, position: int) -> None:
        self._content = content
        self._held = bytearray()
        self._ended = False
        self.position = position
        self.damage: str | None = None

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end."""
        while len(self._held) < size and self._fill():
            pass
        return bytes(self._held[:size])

    def skip(self, size: int) -> None:
        """Pass `size` bytes, without holding them."""
        while size > len(self._held):
            size -= len(self._held)
            self._pass(len(self._held))
            if not self._fill():
                return
        self._pass(size)

    def skip_blank_lines(self) -> None:
        """Pass the line ends between two records."""
        while self._held or self._fill():
            blank = len(self._held) - len(self._held.lstrip(b"\r\n"))
            whole = blank == len(self._held)
            self._pass(blank)
            if not whole:
                return

    def go_to(self, line: bytes) -> None:
        """Pass everything up to the next line that begins so, or up to the end."""
        while True:
            found = self._held.find(line)
            if found >= 0:
                self._pass(found + 1)
                return
            self._pass(max(0, len(self._held) - len(line) + 1))
            if not self._fill():
                self._pass(len(self._held))
                return

    def _pass(self, size: int) -> None:
        del self._held[:size]
        self.position += size

    def _fill(self) -> bool:
        if self._ended:
            return False
        try:
            data = self._content.read1(_CHUNK)
        except OSError as error:
            self.damage = str(error)
            data = b""
        self._held += data
        self._ended = not data
        return not self._ended
