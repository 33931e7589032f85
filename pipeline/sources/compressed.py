"""Compressed files, read so that damage costs little and a bomb costs no memory.

`gzip.GzipFile` and `zstandard.stream_reader` lose what they hold when they meet damage, and the
latter takes a file that was cut off for a whole one. Here each gzip member or zstd frame is
inflated in small steps: all that stands before damage is given before the damage is told.
"""

import io
import zlib
from typing import BinaryIO, cast

import zstandard

GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

_BOMB_RATIO = 300
_BOMB_LEAST = 256 << 20
"""Bytes from which on a file that inflates by more than the ratio is a bomb. Text inflates to some
ten times its size; gzip can go to a thousand times, zstd far beyond."""

_BUFFER = 64 << 10
_GZIP_STEP = 4 << 10
_ZSTD_STEP = 512  # four bytes can become 128 KiB, and zstandard has no bound for one call


class Frame(io.RawIOBase):
    """One gzip member or zstd frame of a file, inflated; tells afterwards how it ended.

    Attributes:
        start: offset of its first compressed byte.
        end: offset behind it, once its end and checksum were reached; else None.
        reached: offset up to which compressed bytes were used.
        damage: what broke it, in words, once that was reached; else None.
        is_bomb: whether the damage is that it inflates to more than `most` bytes.
    """

    def __init__(self, file: BinaryIO, start: int, most: int | None = None) -> None:
        super().__init__()
        is_zstd = _head(file, start) == ZSTD_MAGIC
        file.seek(start)
        self._file = file
        self._decoder = _Zstd() if is_zstd else _Gzip()
        self._ready = memoryview(b"")
        self._most = most
        self._given = 0
        self.start = self.reached = start
        self.end: int | None = None
        self.damage: str | None = None
        self.is_bomb = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # any Buffer there
        """Give the next inflated bytes; 0 at the end and at damage."""
        while not self._ready and self.end is None and self.damage is None:
            self._ready = memoryview(self._inflate(len(buffer)))
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _inflate(self, size: int) -> bytes:
        decoder = self._decoder
        compressed = decoder.left_over or self._file.read(decoder.step)
        if not compressed:
            self.damage = "the file ends inside compressed data"
            return b""
        try:
            data = decoder.decode(compressed, size)
        except (zlib.error, zstandard.ZstdError) as error:
            self.damage = str(error)
            return b""
        behind = decoder.unused if decoder.ended else decoder.left_over
        self.reached = self._file.tell() - len(behind)
        if decoder.ended:
            self.end = self.reached
        self._given += len(data)
        if self._most is not None and self._given > self._most:
            self.damage, self.is_bomb = f"inflates to over {self._most} bytes", True
        return data


def inflated(file: BinaryIO) -> io.BufferedReader:
    """A file's content from its beginning, without gzip or zstd, whatever the file's name says.

    Damage raises `OSError` when it is reached, after all that stands before it was given. So does
    a bomb, once it has shown itself: the time that a file takes is bounded by its size.
    """
    if not is_compressed(file):
        file.seek(0)
        return io.BufferedReader(cast("io.RawIOBase", file), _BUFFER)
    return io.BufferedReader(cast("io.RawIOBase", _Frames(file)), _BUFFER)


def is_compressed(file: BinaryIO) -> bool:
    """Whether a file begins as gzip or zstd."""
    return _is_magic(_head(file, 0))


class _Frames(io.RawIOBase):
    """All gzip members or zstd frames of a file as one content."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._frame = Frame(file, 0)
        self._given = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # any Buffer there
        """Give the next inflated bytes; 0 at the end of the file."""
        size = self._frame.readinto(buffer)
        while size == 0:
            end = self._frame.end
            if end is None:
                raise OSError(self._frame.damage)
            head = _head(self._file, end)
            if not _is_magic(head):
                if head.strip(b"\0"):
                    raise OSError(f"the compressed data is followed by {head!r}")
                return 0
            self._frame = Frame(self._file, end)
            size = self._frame.readinto(buffer)
        self._given += size
        if self._given > max(_BOMB_LEAST, _BOMB_RATIO * self._frame.reached):
            raise OSError(f"inflates to over {_BOMB_RATIO} times its size: a bomb")
        return size


def _head(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(len(ZSTD_MAGIC))


def _is_magic(head: bytes) -> bool:
    return head.startswith((GZIP_MAGIC, ZSTD_MAGIC))


class _Gzip:
    step = _GZIP_STEP

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def decode(self, data: bytes, size: int) -> bytes:
        return self._stream.decompress(data, size)

    @property
    def left_over(self) -> bytes:
        return self._stream.unconsumed_tail

    @property
    def unused(self) -> bytes:
        return self._stream.unused_data

    @property
    def ended(self) -> bool:
        return self._stream.eof


class _Zstd:
    step = _ZSTD_STEP
    left_over = b""

    def __init__(self) -> None:
        self._stream = zstandard.ZstdDecompressor().decompressobj()

    def decode(self, data: bytes, size: int) -> bytes:  # noqa: ARG002 - zstandard has no bound
        return self._stream.decompress(data)

    @property
    def unused(self) -> bytes:
        return self._stream.unused_data

    @property
    def ended(self) -> bool:
        return self._stream.eof
