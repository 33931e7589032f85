"""Bytes to text: what a page declares is believed only as far as its bytes agree.

Nearly every page is sound UTF-8, and one strict decode says so. The rest is tried: each encoding
that the page declares, and each that its bytes suggest, decodes a sample; the sample is weighed
character by character (kana and everyday kanji speak for an encoding, replacement characters,
private-use characters, stray half-width kana and rare kanji against it), and the heaviest wins.

Encodings are read as browsers read them (WHATWG Encoding Standard), so a page's text does not
depend on how it was stored: Shift_JIS is Microsoft's code page 932, and EUC-JP and ISO-2022-JP
carry the same vendor characters (①, ㈱, 髙) and the same wave dash as that code page.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

SAMPLE = 65_536
"""Bytes that are weighed, from the first that is not ASCII."""

DECLARED = 3.0
"""Weight of being declared: it decides where the bytes say too little (a © or two)."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_DECLARATION = re.compile(
    rb"""<meta\s[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)"""
    rb"""|<\?xml\s[^>]{0,200}?encoding\s*=\s*["']\s*([\w.:-]+)""",
    re.IGNORECASE,
)
_HEAD = 4096
_HIGH = re.compile(rb"[\x80-\xff]")
_ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\([DOPQ]|\([BHIJ])|([\x0e\x0f])")

# Spellings that the WHATWG table lacks, or whose pages hold more than the label promises.
_SHIFT_JIS = re.compile(
    r"^(x-?)?(ms|cs)?(sjis|shift_?jis(_?2004|x0213)?|windows31j|cp93[12]|932|kanji)"
)
_EUC_JP = re.compile(r"^(x-?)?(cs)?(euc-?jp|eucjp|ujis|euc$|cp51932|eucpkdfmtjapanese)")
_ISO_2022_JP = re.compile(r"^(x-?)?(cs)?(iso-?2022-?jp|jis$|cp5022[012])")

_PYTHON_CODEC = {"gbk": "gb18030", "euc_kr": "cp949", "big5": "big5hkscs", "iso8859-11": "cp874"}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page as text, and how it was read.

    Attributes:
        text: the text; bytes that mean nothing are U+FFFD.
        charset: the encoding that read it, by its canonical name ("utf-8", "cp932", "euc-jp").
        declared: the first encoding that the page or its header names, by the same names
            (as written, lower-cased, if nobody knows it); None if none is named.
        replaced: how many U+FFFD are in the text.
    """

    text: str
    charset: str
    declared: str | None
    replaced: int


def decode(payload: bytes, charset: str | None) -> Decoded:
    """Decodes a page: byte order mark, header, declaration in the page, then detection.

    Args:
        payload: the body of the response, content encodings removed.
        charset: what the HTTP header declares, or None.

    Returns:
        The text and how it was read. Any bytes give a text; nothing is raised.
    """
    declared = list(_declared(payload, charset))
    first = declared[0] if declared else None
    for mark, name in _BOMS:
        if payload.startswith(mark):
            return _decoded(_read(payload[len(mark) :], name), name, first)
    text = _plain_utf8(payload, declared)
    if text is not None:
        return _decoded(text, "utf-8", first)
    name = _heaviest(payload, declared)
    return _decoded(_read(payload, name), name, first)


def canonical(label: str) -> str:
    """The canonical name of an encoding label as pages write it.

    >>> canonical("x-sjis"), canonical("Windows-31J"), canonical("EUC_JP"), canonical("gb2312")
    ('cp932', 'cp932', 'euc-jp', 'gb18030')
    """
    label = label.strip().strip("\"'").lower()
    flat = label.replace("_", "").replace("-", "")
    if _SHIFT_JIS.match(flat):
        return "cp932"
    if _EUC_JP.match(flat):
        return "euc-jp"
    if _ISO_2022_JP.match(flat):
        return "iso-2022-jp"
    known = map_encoding_to_html5(label, fallback_utf8=False)
    return _PYTHON_CODEC.get(known, known) if known else label


def _decoded(text: str, charset: str, declared: str | None) -> Decoded:
    return Decoded(text, charset, declared, text.count("\ufffd"))


def _declared(payload: bytes, charset: str | None) -> Iterator[str]:
    """Canonical names of the encodings declared, header first."""
    if charset:
        yield canonical(charset)
    found = _DECLARATION.search(payload, 0, _HEAD)
    if found:
        name = canonical((found[1] or found[2]).decode("ascii", "replace"))
        # A declaration that could be read as ASCII is not in UTF-16 (HTML Standard, 13.2.3.3).
        yield "utf-8" if name.startswith("utf-16") else name


def _plain_utf8(payload: bytes, declared: list[str]) -> str | None:
    """The text, if the page is sound UTF-8 and nothing speaks for another encoding."""
    try:
        text, used = codecs.utf_8_decode(payload, "strict", False)
    except UnicodeDecodeError:
        return None
    if b"\x1b" in payload or b"\0" in payload:
        return None
    if used < len(payload) and text.isascii():
        return None  # the one high byte at the end is no cut character of a page in UTF-8
    if declared and declared[0] != "utf-8" and not text.isascii() and max(text) < "\u0800":
        return None  # two-byte sequences alone may be EUC: the weights decide
    return text


def _heaviest(payload: bytes, declared: list[str]) -> str:
    """The encoding whose reading of a sample weighs most; the earliest of equals."""
    high = _HIGH.search(payload)
    sample = payload[max(0, high.start() - 1 if high else 0) :][:SAMPLE]
    if b"\x1b" in payload or b"\0" in payload:
        sample = payload[:SAMPLE]
    best, most = "utf-8", -np.inf
    for name in dict.fromkeys([*declared, *_suggested(sample)]):
        if name not in _READERS and not _is_text_codec(name):
            continue
        weight = _weight(_read(sample, name)) + DECLARED * (name in declared)
        if weight > most:
            best, most = name, weight
    return best


def _suggested(sample: bytes) -> Iterator[str]:
    """Encodings that the bytes themselves suggest."""
    yield "utf-8"
    if b"\x1b" in sample:
        yield "iso-2022-jp"
    if sample.count(b"\0") * 10 > len(sample):
        yield from ("utf-16-le", "utf-16-be")
    yield from ("cp932", "euc-jp", "cp1252")
    found = detect_encoding(sample, max_len=SAMPLE)
    if found:
        yield canonical(found)


@cache
def _is_text_codec(name: str) -> bool:
    """Whether Python reads the encoding; its codecs that are no encodings ("rot13") are not."""
    try:
        return codecs.lookup(name)._is_text_encoding and not name.startswith(_NOT_A_CHARSET)
    except (LookupError, ValueError):
        return False


_NOT_A_CHARSET = (
    "idna",
    "punycode",
    "raw",
    "unicode",
    "undefined",
    "mbcs",
    "oem",
    "utf-7",
    "utf_7",
)


def _weight(text: str) -> float:
    """How much a reading looks like text that people write; 0 for plain ASCII."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return float(_weights()[np.minimum(points, 0xFFFF)].sum())


@cache
def _weights() -> NDArray[np.float32]:
    """Weight of each character of the first plane (the other planes share the last one's)."""
    weights = np.zeros(0x10000, dtype=np.float32)
    for first, last, weight in _BLOCKS:
        weights[first : last + 1] = weight
    for row in range(0x88, 0x98):  # JIS X 0208 level 1: the everyday kanji
        for cell in range(0x40, 0xFD):
            character = bytes((row, cell)).decode("cp932", "ignore")
            if len(character) == 1 and "\u4e00" <= character <= "\u9fff":
                weights[ord(character)] = 0.6
    return weights


# fmt: off
_BLOCKS = (
    (0x0000, 0x0008, -1.0), (0x000E, 0x001F, -1.0), (0x007F, 0x009F, -3.0),
    (0x00A0, 0x00BF, -0.1), (0x00C0, 0x017F, 0.1),
    (0x0370, 0x05FF, 0.1), (0x0600, 0x0FFF, 0.2),
    (0x2500, 0x25FF, -0.2),
    (0x3000, 0x3003, 1.0), (0x300A, 0x3011, 1.0),
    (0x3041, 0x30FE, 1.0),
    (0x3400, 0x9FFF, -0.4),
    (0xAC00, 0xD7A3, 0.7), (0xD800, 0xDFFF, -3.0),
    (0xE000, 0xF8FF, -3.0), (0xFF01, 0xFF5E, 0.5), (0xFF61, 0xFF9F, -0.4),
    (0xFFFD, 0xFFFD, -3.0), (0xFFFE, 0xFFFF, -1.0),
)
# fmt: on


def _read(payload: bytes, name: str) -> str:
    """The payload in one encoding, what cannot be read replaced, a cut last character left out."""
    reader = _READERS.get(name)
    if reader:
        return reader(payload)
    try:
        return codecs.getincrementaldecoder(name)("replace").decode(payload)
    except (LookupError, UnicodeError):
        return payload.decode(name, "replace")


def _read_cp932(payload: bytes) -> str:
    text: str = codecs.getincrementaldecoder("cp932")("replace").decode(payload)
    return text.translate(_UNMAPPED_932) if not text.isascii() else text


def _read_euc_jp(payload: bytes) -> str:
    text: str = codecs.getincrementaldecoder("euc_jp")(_VENDOR_CHARACTERS).decode(payload)
    return text.translate(_AS_CP932)


def _read_iso_2022_jp(payload: bytes) -> str:
    """Reads every 7-bit Japanese set by handing each run to the EUC form of the same set."""
    parts: list[str] = []
    mode, start = b"(B", 0
    for escape in _ESCAPE.finditer(payload):
        parts.append(_read_run(payload[start : escape.start()], mode))
        mode = escape[1] or (b"(I" if escape[2] == b"\x0e" else b"(B")
        start = escape.end()
    parts.append(_read_run(payload[start:], mode))
    return "".join(parts)


def _read_run(run: bytes, mode: bytes) -> str:
    if mode in (b"(B", b"(J", b"(H"):
        return _HALF_WIDTH.sub(rb"\x8e\g<0>", run).decode("euc_jp", "replace")
    if mode == b"(I":
        return _KANA_CELL.sub(rb"\x8e\g<0>", run.translate(_HIGH_HALF)).decode("euc_jp", "replace")
    run = run.translate(_HIGH_HALF)
    if mode in (b"$(D", b"$(P"):
        run = _PAIR.sub(rb"\x8f\g<0>", run)
    if mode in (b"$(O", b"$(P", b"$(Q"):
        return run.decode("euc_jis_2004", "replace")
    return _read_euc_jp(run)


_HALF_WIDTH = re.compile(rb"[\xa1-\xdf]")
_KANA_CELL = re.compile(rb"[\xa1-\xdf]")
_PAIR = re.compile(rb"[\xa1-\xfe]{2}")
_HIGH_HALF = bytes(byte | 0x80 if 0x21 <= byte <= 0x7E else byte for byte in range(256))


def _vendor_character(error: UnicodeError) -> tuple[str, int]:
    """Reads the rows that JIS leaves open and Microsoft and NEC filled, by way of cp932."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    start = error.start
    pair = error.object[start : start + 2]
    if len(pair) == 2 and min(pair) >= 0xA1 and max(pair) <= 0xFE:
        character = _shifted(pair[0], pair[1]).decode("cp932", "replace")
        if len(character) == 1 and character != "\ufffd":
            return character, start + 2
    return "\ufffd", start + 1


def _shifted(lead: int, trail: int) -> bytes:
    """The Shift_JIS form of an EUC pair (the same row and cell of JIS X 0208)."""
    row, cell = lead - 0xA1, trail - 0xA1
    shifted = 0x81 + row // 2 if row < 62 else 0xC1 + row // 2
    offset = 0x9F + cell if row % 2 else 0x40 + cell + (cell >= 63)
    return bytes((shifted, offset))


_VENDOR_CHARACTERS = "seimai-vendor-characters"
codecs.register_error(_VENDOR_CHARACTERS, _vendor_character)

# One character of JIS, two of Unicode: what the other codecs give becomes what cp932 gives.
_AS_CP932 = str.maketrans("〜‖−¢£¬", "～∥－￠￡￢")
# Single bytes without a meaning, which Python's codec passes through.
_UNMAPPED_932 = dict.fromkeys((0x80, 0xF8F0, 0xF8F1, 0xF8F2, 0xF8F3), "\ufffd")

_READERS: dict[str, Callable[[bytes], str]] = {
    "cp932": _read_cp932,
    "euc-jp": _read_euc_jp,
    "iso-2022-jp": _read_iso_2022_jp,
}
