"""How often pages are decoded right: the labelled crawl, then hard cases made from its pages.

    python -m bench.charsets [FOLDER]

The labelled crawl is read three ways: as served, with every declaration blanked, and with a lie
in the header. The hard cases take the crawl's own Japanese pages in UTF-8, remove declarations,
keep the markup and the first 8, 20, 60 or all characters beyond ASCII, and store them in each
encoding: clean, with a broken byte, cut inside a character, declared, lied about, and with the
characters of vendors. A case is right if 98 % of the page's characters come back in order.
"""

import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from bench.labelled_crawl import LabelledPage, labelled_pages
from pipeline.decode import canonical, decode

PAGES, LARGEST = 400, 80_000
DECLARATION = re.compile(r"<meta[^>]*charset[^>]*>|<\?xml[^>]*encoding[^>]*\?>", re.IGNORECASE)
WIDE = str.maketrans("〜‖−¢£¬", "～∥－￠￡￢")
VENDOR = "①㈱～髙﨑Ⅱ"
HALF_WIDTH = "ｶｰﾄﾆｲﾚﾙ ｵﾄｸ"


def main() -> None:
    """Prints both measurements."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    pages = list(labelled_pages(folder))
    measure_crawl(pages)
    measure_cases([page for page in pages if _is_source(page)])


def measure_crawl(pages: Sequence[LabelledPage]) -> None:
    """Compares the encoding chosen with the label, by way of reading and kind of page."""
    for way, served in _WAYS.items():
        right: Counter[str] = Counter()
        total: Counter[str] = Counter()
        seconds: Counter[str] = Counter()
        for page in pages:
            kind = _kind(page)
            payload, header = served(page)
            start = time.process_time()
            decoded = decode(payload, header)
            seconds[kind] += time.process_time() - start
            total[kind] += 1
            if decoded.charset == canonical(page.labels["charset"]):
                right[kind] += 1
            else:
                print(
                    f"  {page.name} [{page.labels['lang']}]: label {page.labels['charset']},",
                    f"read as {decoded.charset}, {decoded.replaced} replaced, sound UTF-8:",
                    _is_utf8(payload),
                )
        for kind in sorted(total):
            pace = 1e6 * seconds[kind] / total[kind]
            print(f"{way}: {kind}: {right[kind]} of {total[kind]} right, {pace:.0f} µs a page")


def _kind(page: LabelledPage) -> str:
    language = "Japanese" if page.holds_japanese else "other"
    return f"{language}, {'UTF-8' if page.labels['charset'] == 'utf-8' else 'not UTF-8'}"


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _blank(page: LabelledPage) -> bytes:
    return re.sub(DECLARATION.pattern.encode(), b"", page.payload, flags=re.IGNORECASE)


_WAYS: dict[str, Callable[[LabelledPage], tuple[bytes, str | None]]] = {
    "as served": lambda page: (page.payload, page.charset),
    "blanked": lambda page: (_blank(page), None),
    "lied about": lambda page: (
        _blank(page),
        "Shift_JIS" if page.labels["charset"] == "utf-8" else "UTF-8",
    ),
}


@dataclass(frozen=True)
class Case:
    """A page stored in one encoding, and the characters beyond ASCII that should come back."""

    payload: bytes
    expected: str


@dataclass(frozen=True)
class Encoding:
    """How pages are stored in one encoding."""

    name: str
    label: str
    codec: str
    lie: str

    def store(self, html: str, extra: str = "") -> Case:
        """Stores what the encoding can hold, and `extra` before the end of the title."""
        before, end, after = html.partition("</title>")
        parts = [self._held(before), extra if end else "", end, self._held(after)]
        stored = [part.encode(self.codec, "ignore") for part in parts]
        stored[1] = self._vendor(parts[1])
        return Case(b"".join(stored), beyond_ascii("".join(parts)))

    def _held(self, text: str) -> str:
        return text.encode(self.codec, "ignore").decode(self.codec)

    def _vendor(self, extra: str) -> bytes:
        """Characters that Python's codecs for the JIS encodings lack, by way of cp932."""
        if self.codec in ("euc_jp", "iso2022_jp"):
            euc = b"".join(map(_in_euc, extra))
            return euc if self.codec == "euc_jp" else _in_seven_bits(euc)
        return extra.encode(self.codec)


def _in_euc(character: str) -> bytes:
    stored = character.encode("cp932")
    if len(stored) == 1:
        return b"\x8e" + stored if stored > b"\x7f" else stored
    if stored >= b"\xfa":  # IBM's own rows, which NEC placed at 89 to 92 of JIS
        stored = next(
            pair
            for lead in (0xED, 0xEE)
            for pair in (bytes((lead, trail)) for trail in range(0x40, 0xFD))
            if pair.decode("cp932", "ignore") == character
        )
    lead, trail = stored
    row = (lead - (0x81 if lead < 0xA0 else 0xC1)) * 2
    if trail >= 0x9F:
        return bytes((row + 1 + 0xA1, trail - 0x9F + 0xA1))
    return bytes((row + 0xA1, trail - 0x40 - (trail > 0x7F) + 0xA1))


def _in_seven_bits(euc: bytes) -> bytes:
    kana = re.compile(rb"(?:\x8e[\xa1-\xdf])+")
    parts = re.split(rb"((?:\x8e[\xa1-\xdf])+|(?:[\xa1-\xfe]{2})+)", euc)
    stored = b""
    for part in parts:
        low = bytes(byte & 0x7F for byte in part.replace(b"\x8e", b""))
        if kana.fullmatch(part):
            stored += b"\x1b(I" + low + b"\x1b(B"
        elif part > b"\x7f":
            stored += b"\x1b$B" + low + b"\x1b(B"
        else:
            stored += part
    return stored


ENCODINGS = (
    Encoding("Shift_JIS", "Shift_JIS", "cp932", "UTF-8"),
    Encoding("EUC-JP", "EUC-JP", "euc_jp", "UTF-8"),
    Encoding("ISO-2022-JP", "ISO-2022-JP", "iso2022_jp", "UTF-8"),
    Encoding("UTF-8", "UTF-8", "utf-8", "Shift_JIS"),
    Encoding("UTF-16", "UTF-16", "utf-16-le", "UTF-8"),
)


def cases(html: str, encoding: Encoding) -> Iterator[tuple[str, Case]]:
    """The named cases of one page in one encoding."""
    for count in (8, 20, 60, None):
        yield f"clean {count or 'all'}", encoding.store(first_characters(html, count))
    short = first_characters(html, 60)
    stored = encoding.store(short)
    if encoding.name != "UTF-16":
        yield "broken 60", _broken(stored)
        yield "cut 60", _cut(stored, encoding)
        declared = short.replace("<head>", f'<head><meta charset="{encoding.label}">', 1)
        yield "declared 60", encoding.store(declared)
        lied = short.replace("<head>", f'<head><meta charset="{encoding.lie}">', 1)
        yield "lied 60", encoding.store(lied)
    yield "vendor 60", encoding.store(short, VENDOR)
    yield "half-width 60", encoding.store(short, HALF_WIDTH)


def first_characters(html: str, count: int | None) -> str:
    """The page with only its first characters beyond ASCII."""
    if count is None:
        return html
    seen, kept = 0, []
    for character in html:
        seen += character > "\x7f"
        if character <= "\x7f" or seen <= count:
            kept.append(character)
    return "".join(kept)


def beyond_ascii(text: str) -> str:
    """The characters that an encoding can get wrong, spelled as cp932 does."""
    return re.sub("[\x00-\x7f\ufffd]+", "", text).translate(WIDE)


def _broken(case: Case) -> Case:
    """A byte that no encoding has, before the body, where no character is cut."""
    place = case.payload.find(b"<body")
    return Case(case.payload[:place] + b"\xff" + case.payload[place:], case.expected)


def _cut(case: Case, encoding: Encoding) -> Case:
    """The page up to the middle of its last character."""
    seven_bits = encoding.codec == "iso2022_jp"
    last = max((place for place, byte in enumerate(case.payload) if byte > 0x7F), default=0)
    end = case.payload.rfind(b"\x1b(B") - 1 if seven_bits else last
    payload = case.payload[:end]
    return Case(payload, beyond_ascii(payload.decode(encoding.codec, "ignore")))


def is_right(case: Case, text: str) -> bool:
    """Whether 98 % of the characters (of the first 400) came back in order, and few others."""
    expected, found = case.expected, beyond_ascii(text)
    if found == expected:
        return True
    matcher = SequenceMatcher(None, expected[:400], found[:400], autojunk=False)
    matched = sum(block.size for block in matcher.get_matching_blocks())
    enough = matched >= 0.98 * min(len(expected), 400) - 1
    return bool(expected) and enough and len(found) < 1.05 * len(expected) + 3


def measure_cases(pages: Sequence[LabelledPage]) -> None:
    """Prints the share of right cases by encoding and case, and every error."""
    sample = random.Random(5).sample(pages, min(PAGES, len(pages)))
    right: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    for page in sample:
        html = DECLARATION.sub("", page.payload.decode())
        for encoding in ENCODINGS:
            for name, case in cases(html, encoding):
                decoded = decode(case.payload, None)
                total[encoding.name, name] += 1
                if is_right(case, decoded.text):
                    right[encoding.name, name] += 1
                else:
                    print(
                        f"  {page.name}: {encoding.name}, {name}: read as {decoded.charset};",
                        f"{len(case.expected)} characters expected",
                    )
    for key in total:
        print(f"{key[0]}, {key[1]}: {right[key]} of {total[key]}")
    print(f"all cases: {right.total()} of {total.total()}")


def _is_source(page: LabelledPage) -> bool:
    """Whether hard cases are made of it: a Japanese page in UTF-8, not too long, in characters."""
    labels = page.labels
    is_japanese_html = (labels["lang"], labels["charset"], labels["kind"]) == (
        "ja",
        "utf-8",
        "html",
    )
    if not is_japanese_html or len(page.payload) >= LARGEST or not _is_utf8(page.payload):
        return False
    return len(beyond_ascii(page.payload.decode())) >= 60


if __name__ == "__main__":
    main()
