"""Bytes to text: what a page declares is believed only as far as its bytes agree.

Nearly every page is sound UTF-8, and one strict decode says so. The rest is tried: each encoding
that the page declares, and each that its bytes suggest, reads a sample; the sample is weighed
character by character (kana and everyday kanji speak for an encoding; replacement characters,
private-use characters, stray half-width kana and rare kanji against it), and the heaviest wins.

Encodings are read as browsers read them (WHATWG Encoding Standard), so a page's text does not
depend on how it was stored: Shift_JIS is Microsoft's code page 932, and EUC-JP and ISO-2022-JP
carry the same vendor characters (①, ㈱, 髙) and the same wave dash as that code page.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, product

import numpy as np
from numpy.typing import NDArray
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page as text, and how it was read.

    Attributes:
        text: the text; bytes that mean nothing are U+FFFD.
        charset: the encoding that read it, by its WHATWG name, but "cp932" for Shift_JIS.
        declared: the first encoding that the header or the page names, by the same names
            (as written, lower-cased, if nobody knows it); None if none is named.
        replaced: how many U+FFFD are in the text.
    """

    text: str
    charset: str
    declared: str | None
    replaced: int


def decode(payload: bytes, charset: str | None) -> Decoded:
    """Decodes a page: byte order mark, header, declaration in the page, then detection.

    A last character that is cut in two is left out: crawls cut long pages.

    Args:
        payload: the body of the response, content encodings removed.
        charset: what the HTTP header declares, or None.

    Returns:
        The text and how it was read. Any bytes give a text; nothing is raised.

    >>> decode("お知らせ①".encode("cp932"), "utf-8")
    Decoded(text='お知らせ①', charset='cp932', declared='utf-8', replaced=0)
    """
    declared = list(declared_encodings(payload, charset))
    first = declared[0] if declared else None
    for mark, name in _BYTE_ORDER_MARKS:
        if payload.startswith(mark):
            return _decoded(_read(payload[len(mark) :], name), name, first)
    text = _sound_utf8(payload, declared)
    if text is not None:
        return _decoded(text, "utf-8", first)
    name = _heaviest(payload, declared)
    return _decoded(_read(payload, name), name, first)


@lru_cache(maxsize=4096)
def canonical(label: str) -> str:
    """The name of an encoding that a page labels in one of many ways; lower-cased if unknown.

    >>> canonical("x-sjis"), canonical("Windows-31J"), canonical("EUC_JP"), canonical("GB2312")
    ('cp932', 'cp932', 'euc-jp', 'gb18030')
    """
    label = label.strip(" \t\r\n\"'").lower()
    flat = re.sub(r"[^a-z0-9]", "", label)
    for name, spelling in _JAPANESE_SPELLINGS:
        if spelling.match(flat):
            return name
    known = map_encoding_to_html5(label, fallback_utf8=False) or label
    return _WHATWG_NAMES.get(known) or re.sub(r"^cp(?=125\d$)", "windows-", known)


JAPANESE_ENCODINGS = ("cp932", "euc-jp", "iso-2022-jp")

# WHATWG's table, which resiliparse holds, lacks these names of vendors and older software.
_JAPANESE_SPELLINGS = (
    ("cp932", re.compile(r"x?(?:ms|cs)?(?:sjis|shiftjis|windows31j|mskanji|kanji|cp9?32|932)")),
    ("euc-jp", re.compile(r"x?(?:cs)?(?:eucjp|ujis|euc$|cp51932|eucpkdfmtjapanese)")),
    ("iso-2022-jp", re.compile(r"x?(?:cs)?(?:iso2022jp|jis$|cp5022[012])")),
)
_WHATWG_NAMES = {"gbk": "gb18030", "euc_kr": "euc-kr"} | {
    f"iso8859-{part}": f"iso-8859-{part}" for part in range(1, 17)
}


def _decoded(text: str, charset: str, declared: str | None) -> Decoded:
    # `in` runs at memory speed, `count` does not, and hardly a page holds one
    replaced = text.count("\ufffd") if "\ufffd" in text else 0
    return Decoded(text, charset, declared, replaced)


_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD = 4096
_DECLARATION = re.compile(
    rb"""<meta\s[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)"""
    rb"""|<\?xml\s[^>]{0,200}?encoding\s*=\s*["']\s*([\w.:-]+)""",
    re.IGNORECASE,
)


def declared_encodings(payload: bytes, charset: str | None) -> Iterator[str]:
    """The encodings that the header and the page's first 4 KiB declare, in this order."""
    if charset:
        yield canonical(charset)
    found = _DECLARATION.search(payload, 0, _HEAD)
    if found:
        name = canonical((found[1] or found[2]).decode("ascii", "replace"))
        # Who can read the declaration as ASCII is not reading UTF-16 (HTML Standard, 13.2.3.3).
        yield "utf-8" if name.startswith("utf-16") else name


def _sound_utf8(payload: bytes, declared: list[str]) -> str | None:
    """The text, if the page is sound UTF-8 and nothing speaks for another encoding."""
    try:
        text, used = codecs.utf_8_decode(payload, "strict", False)
    except UnicodeDecodeError:
        return None
    if b"\x1b" in payload or b"\0" in payload:
        return None  # the escapes of ISO-2022-JP, and UTF-16, are sound UTF-8 too
    if used < len(payload) and text.isascii():
        return None  # one high byte at the end of ASCII is no cut character of UTF-8
    if declared and declared[0] in _TWO_BYTE and not text.isascii() and not _LONG.search(text):
        return None  # a short text in EUC may happen to be sound two-byte sequences
    return text


_TWO_BYTE = ("euc-jp", "euc-kr", "gb18030", "big5")
_LONG = re.compile("[\u0800-\U0010ffff]")
"""Characters that take three bytes or four in UTF-8."""


SAMPLE, LONGEST = 16_384, 1 << 20
"""Bytes that are weighed, and the part of a page from which they are taken."""

DECLARED = 3.0
"""Weight of being declared: it decides where the bytes say little (a © or two)."""

SOUND = 0.5
"""Weight of each character beyond ASCII in UTF-8: other text hardly ever forms one."""

SOUGHT = 1.5
"""Weight of being Japanese: it decides between readings of a few characters."""

CONVINCING = 0.5
"""Mean weight of a character that needs no comparison: no other encoding reads as well as that
where one is declared, nor bytes that make good cp932 with kana: in others they mean nothing."""

_KANA = re.compile("[ぁ-ヺ]")


def _heaviest(payload: bytes, declared: list[str]) -> str:
    """The encoding whose reading of a sample weighs most; the earliest of equals."""
    sample = _telling_part(payload)
    weights: dict[str, float] = {}
    for name in chain(declared, _suggested(sample)):
        if name in weights or not _is_readable(name):
            continue
        text = _read(sample, name)
        weight, characters = _weight(text)
        if weight >= CONVINCING * characters > 0 and (
            name in declared or (name == "cp932" and _KANA.search(text))
        ):
            return name
        weights[name] = weight + _credit(name, weight, characters, declared)
    return max(weights, key=weights.__getitem__)


def _credit(name: str, weight: float, characters: int, declared: list[str]) -> float:
    """What speaks for an encoding besides the text that it gives."""
    credit = DECLARED if name in declared else 0.0
    if name == "utf-8":
        credit += SOUND * characters
    if name in JAPANESE_ENCODINGS and weight > 0:
        credit += SOUGHT
    return credit


def _telling_part(payload: bytes) -> bytes:
    """A sample of the bytes that are more than plain ASCII, long stretches of markup left out."""
    if b"\0" in payload[:_HEAD]:
        return payload[:SAMPLE]  # UTF-16, in pairs from the start
    if b"\x1b" in payload:
        return b"".join(_ESCAPED.findall(payload))[:SAMPLE]
    first = _HIGH.search(payload)
    return _MARKUP.sub(b"", payload[first.start() :][:LONGEST])[:SAMPLE] if first else b""


_HIGH = re.compile(rb"[\x80-\xff]")
_ESCAPED = re.compile(rb"\x1b[^\x1b]{1,200}")
_MARKUP = re.compile(rb"(?<=[\x00-\x7f]{2})[\x00-\x7f]{32,}")  # not the second byte of a pair


def _suggested(sample: bytes) -> Iterator[str]:
    """Encodings that the bytes themselves suggest."""
    yield "utf-8"
    if b"\x1b" in sample:
        yield "iso-2022-jp"
    if sample.count(b"\0") * 50 > len(sample):
        yield from ("utf-16-le", "utf-16-be")
    if _is_utf8(sample):
        return
    yield from ("cp932", "euc-jp", "euc-kr")
    found = detect_encoding(sample, max_len=SAMPLE)
    if found:
        yield canonical(found)
    yield "windows-1252"


def _is_utf8(sample: bytes) -> bool:
    try:
        codecs.utf_8_decode(sample, "strict", False)
    except UnicodeDecodeError:
        return False
    return True


def _weight(text: str) -> tuple[float, int]:
    """How much a reading looks like what people write, and how many characters it reads."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    weights = _weights()[np.minimum(points, 0xFFFF)]
    lone = len(_LONE_KANJI.findall(text))
    return float(weights.sum()) - lone, int(np.count_nonzero(points > 0x7F)) - text.count("\ufffd")


# The quotation marks of windows-1252 make kanji in Shift_JIS: "don't" would end in 痴.
_LONE_KANJI = re.compile("(?<=[a-z])[\u4e00-\u9fff](?=[a-z ])")

# Ranges of the first plane and the weight of a character in them; what is not named weighs 0.
_BLOCKS = (
    (0x0000, 0x0008, -1.0),  # control characters
    (0x000E, 0x001F, -1.0),
    (0x007F, 0x009F, -3.0),
    (0x00A1, 0x00BF, -0.1),  # signs of Latin-1
    (0x00C0, 0x05FF, 0.1),  # Latin, Greek, Cyrillic, Hebrew
    (0x0600, 0x0FFF, 0.2),  # Arabic to Tibetan
    (0x2500, 0x25FF, -0.2),  # box drawing
    (0x3000, 0x3002, 1.0),  # ideographic space, 、 and 。
    (0x300A, 0x3011, 1.0),  # 「」『』【】
    (0x3041, 0x30FE, 1.0),  # kana
    (0x3400, 0x9FFF, -0.4),  # kanji that are not everyday ones
    (0x3131, 0x318E, -0.4),  # hangul in single letters
    (0xAC00, 0xD7A3, -0.4),  # hangul that KS X 1001 lacks
    (0xD800, 0xDFFF, -3.0),  # surrogates
    (0xE000, 0xF8FF, -3.0),  # private use
    (0xFF01, 0xFF5E, 0.5),  # full-width ASCII
    (0xFF61, 0xFF9F, -0.6),  # half-width kana
    (0xFFFD, 0xFFFD, -3.0),
    (0xFFFE, 0xFFFF, -1.0),  # also stands for the other planes
)
_EVERYDAY_HANGUL = (
    "이다는에의가을를고하지한은도로시기사자어서나인정대리제부해보아일수그전주상만있여스라과면원들게성장구"
    "트경요조유공소비적거동국내오안무신회우연미위모개마생발세반니드까문바행합선관방식용저당금때단계크치"
    "등년월것했되됩습입명물분실학진후결네와양업외작및된할중더본재간노음설없였"
)


@cache
def _weights() -> NDArray[np.float32]:
    """The weight of each character of the first plane."""
    weights = np.zeros(0x10000, dtype=np.float32)
    for first, last, weight in _BLOCKS:
        weights[first : last + 1] = weight
    for character in _rows("euc_jp", 0xB0, 0xCF):  # level 1 of JIS X 0208: everyday kanji
        weights[ord(character)] = 0.6
    for character in _rows("euc_kr", 0xB0, 0xC8):
        weights[ord(character)] = 0.25
    for character in _EVERYDAY_HANGUL:
        weights[ord(character)] = 0.85
    return weights


def _rows(codec: str, first: int, last: int) -> str:
    """The characters of some rows of a two-byte EUC set."""
    leads, trails = range(first, last + 1), range(0xA1, 0xFF)
    return bytes(byte for pair in product(leads, trails) for byte in pair).decode(codec, "ignore")


@cache
def _is_readable(name: str) -> bool:
    """Whether this is a character encoding; some of Python's codecs ("idna", "hex") are not."""
    return name in _READERS or name in _PYTHON_READS or _FAMILIES.match(name) is not None


_FAMILIES = re.compile(r"utf-(?:8|(?:16|32)(?:-[lb]e)?)$|windows-(?:874|125\d)$|koi8-[ru]$|hz$")
_PYTHON_READS = {"gb18030": "gb18030", "euc-kr": "cp949", "big5": "big5hkscs"} | {
    f"iso-8859-{part}": f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))
}


def _read(payload: bytes, name: str) -> str:
    """The payload in one encoding, what cannot be read replaced, a cut last character left out."""
    reader = _READERS.get(name)
    return reader(payload) if reader else _read_as(payload, _PYTHON_READS.get(name, name))


def _read_as(payload: bytes, codec: str, errors: str = "replace") -> str:
    return codecs.getincrementaldecoder(codec)(errors).decode(payload)


def _read_cp932(payload: bytes) -> str:
    text = _read_as(payload, "cp932")
    for character in _UNDEFINED_IN_932:
        text = text.replace(character, "\ufffd")
    return text


def _read_euc_jp(payload: bytes) -> str:
    text = _read_as(payload, "euc_jp", _VENDOR_CHARACTERS)
    for character, in_932 in zip("〜‖−¢£¬", "～∥－￠￡￢", strict=True):
        text = text.replace(character, in_932)
    return text


# Single bytes without a meaning, which Python's codec passes through.
_UNDEFINED_IN_932 = "\x80\uf8f0\uf8f1\uf8f2\uf8f3"


def _vendor_character(error: UnicodeError) -> tuple[str, int]:
    """Reads the rows of EUC-JP that JIS leaves open and NEC and Microsoft filled."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    character = _vendor_rows().get(error.object[error.start : error.start + 2])
    return (character, error.start + 2) if character else ("\ufffd", error.start + 1)


@cache
def _vendor_rows() -> dict[bytes, str]:
    """EUC pairs of NEC's row 13 (①, ㈱) and IBM's kanji (髙) in rows 89 to 92, by way of cp932."""
    pairs = ((row, cell) for row in (13, *range(89, 93)) for cell in range(1, 95))
    read = {bytes((0xA0 + row, 0xA0 + cell)): _in_932(row, cell) for row, cell in pairs}
    return {pair: character for pair, character in read.items() if len(character) == 1}


def _in_932(row: int, cell: int) -> str:
    """What cp932 holds at a row and cell of JIS X 0208 (both from 1)."""
    lead = (0x81 if row <= 62 else 0xC1) + (row - 1) // 2
    trail = 0x9E + cell if row % 2 == 0 else 0x3F + cell + (cell >= 64)
    return bytes((lead, trail)).decode("cp932", "ignore")


_VENDOR_CHARACTERS = "seimai-vendor-characters"
codecs.register_error(_VENDOR_CHARACTERS, _vendor_character)


_ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\([DOPQ]|\([BHIJ])|([\x0e\x0f])")
_HIGH_HALF = bytes(byte | 0x80 if 0x21 <= byte <= 0x7E else byte for byte in range(256))

_ROMAN = str.maketrans("\\~", "¥‾")  # where JIS X 0201 departs from ASCII


def _read_iso_2022_jp(payload: bytes) -> str:
    """Reads all the 7-bit Japanese sets by handing each run to the EUC form of its set."""
    parts: list[str] = []
    character_set, start = b"(B", 0
    for escape in _ESCAPE.finditer(payload):
        parts.append(_read_run(payload[start : escape.start()], character_set))
        character_set = escape[1] or (b"(I" if escape[2] == b"\x0e" else b"(B")
        start = escape.end()
    parts.append(_read_run(payload[start:], character_set))
    return "".join(parts)


def _read_run(run: bytes, character_set: bytes) -> str:
    """One run between escapes; half-width kana may stand unescaped (Microsoft's CP50220)."""
    if character_set in (b"(B", b"(J", b"(H"):
        text = _read_euc_jp(re.sub(rb"[\xa1-\xdf]", b"\x8e\\g<0>", run))
        return text if character_set == b"(B" else text.translate(_ROMAN)
    run = run.translate(_HIGH_HALF)
    if character_set == b"(I":
        return _read_euc_jp(re.sub(rb"[\xa1-\xdf]", b"\x8e\\g<0>", run))
    if character_set in (b"$(D", b"$(P"):  # the supplementary plane
        run = re.sub(rb"[\xa1-\xfe]{2}", b"\x8f\\g<0>", run)
    if character_set in (b"$(O", b"$(P", b"$(Q"):  # JIS X 0213
        return _read_as(run, "euc_jis_2004")
    return _read_euc_jp(run)


_READERS: dict[str, Callable[[bytes], str]] = {
    "cp932": _read_cp932,
    "euc-jp": _read_euc_jp,
    "iso-2022-jp": _read_iso_2022_jp,
}
