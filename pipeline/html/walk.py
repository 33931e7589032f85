"""The walk over a page as the parser writes it out again: what a reader sees of it, line by line.

What a parser writes is HTML in a normal form: elements are closed, attributes stand in double
quotes after one space, and `&`, `<`, `>`, `"` and no-break spaces are escaped. So two loops can
read it: `happenings` finds what matters of the markup, `lines_of` writes the text in lines. Which
tags and names matter is in the vocabularies that they are given (`render`).
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled import compiled
from pipeline.html.vocabulary import Vocabulary

Codes = NDArray[np.int32]
Record: TypeAlias = Any
Records = NDArray[Any]

# What happens where a tag opens, as its name tells it;
BREAK, ROW, CELL, HEADING, PRE, LINK = range(1, 7)
# what else can happen;
_TEXT, _RAW_TEXT, _PRE_END, _EMPTY_LINK, _LINK_END = range(7, 12)
_ASIDE_START, _ASIDE_END, _MAIN_START, _MAIN_END, _END = range(12, 17)
_HAPPENS = 7  # in the lowest bits

# what the name of a tag tells besides,
VOID, RAW, SKIPPED, PAGE = 1 << 3, 1 << 4, 1 << 5, 1 << 6
# and what the value of an attribute tells, if the attribute's name tells that it may.
ASIDE, ASIDE_ROLE = 1 << 7, 1 << 8
MAIN, MAIN_ROLE, MAIN_ITEM = 1 << 9, 1 << 10, 1 << 11
NOT_DISPLAYED, HIDDEN, TARGET, IN_WORDS = 1 << 12, 1 << 13, 1 << 14, 1 << 15
_BY_NAME_ALONE = HIDDEN | TARGET
_ANY_ASIDE = ASIDE | ASIDE_ROLE
_ANY_MAIN = MAIN | MAIN_ROLE | MAIN_ITEM
_NOT_SEEN = SKIPPED | HIDDEN | NOT_DISPLAYED

_MOST_PLACES = 2000
"""Elements that are asides, or main; a page with more is not made of regions."""

_HAPPENING = np.dtype([("what", np.int32), ("start", np.int32), ("end", np.int32)])
"""The text, or the target of the link, is `codes[start:end]`."""

_MARKUP = np.dtype(
    [
        ("at", np.int32),  # where one reads
        ("found", np.int32),  # how much has happened
        ("depth", np.int32),  # elements that are open,
        ("skipped", np.int32),  # and how many were, where the outermost one that is not seen began,
        ("aside", np.int32),  # the outermost aside,
        ("main", np.int32),  # the outermost main part; -1 where none is open
        ("asides", np.int32),
        ("mains", np.int32),
        ("raw_name", np.int32),  # where the name stands of an element that holds no markup; or 0
        ("raw_name_end", np.int32),
        ("opened", np.int32),  # where the last opening tag ended, if nothing else came since
        ("between_cells", np.bool_),
    ]
)

_TAB, _NEWLINE, _RETURN, _SPACE, _QUOTE, _AND = 0x09, 0x0A, 0x0D, 0x20, 0x22, 0x26
_DASH, _SLASH, _LESS, _EQUALS, _MORE, _NO_BREAK_SPACE = 0x2D, 0x2F, 0x3C, 0x3D, 0x3E, 0xA0
_EXCLAMATION, _QUESTION = 0x21, 0x3F
_A, _C, _G, _L, _N, _P, _Q = 0x61, 0x63, 0x67, 0x6C, 0x6E, 0x70, 0x71
_LOWER = 0x20  # the bit that small letters have and capitals lack
_OTHER_SPACES = (0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_ASCII = 128


@compiled
def happenings(codes: Codes, names: Vocabulary, values: Vocabulary) -> Records:
    """What matters of a page's markup, in order.

    Args:
        codes: the code points of a page in the normal form.
        names: tags as `<nav>` and attributes as ` class=`, with what they tell.
        values: parts of attributes' values, with what they tell; ` menu ` is a whole word, `=menu=`
            a whole value.

    Returns:
        `_HAPPENING`s: the texts that are seen, and what parts them or tells of their places.
    """
    found = np.empty(4 * _count(codes, 0, len(codes), _LESS) + 2, _HAPPENING)
    page = np.zeros(1, _MARKUP)[0]
    page.skipped = page.aside = page.main = page.opened = -1
    while page.at < len(codes):
        if page.raw_name or codes[page.at] != _LESS:
            _read_text(codes, page, found)
        elif _is(codes, page.at + 1, _SLASH):
            _read_closing(codes, page, found, names)
        elif _is(codes, page.at + 1, _EXCLAMATION) or _is(codes, page.at + 1, _QUESTION):
            page.at = _after_declaration(codes, page.at)
        else:
            _read_opening(codes, page, found, names, values)
    _add(page, found, _END, 0, 0)
    return found[: page.found]


@compiled
def _add(page: Record, found: Records, what: int, start: int, end: int) -> None:
    happening = found[page.found]
    happening.what = what
    happening.start = start
    happening.end = end
    page.found += 1


@compiled
def _read_text(codes: Codes, page: Record, found: Records) -> None:
    start = page.at
    what = _TEXT
    if page.raw_name:
        what = _RAW_TEXT
        page.at = _raw_end(codes, start, page.raw_name, page.raw_name_end)
        page.raw_name = 0
    else:
        page.at = _find(codes, start, _LESS)
    if page.skipped < 0 and not page.between_cells:
        _add(page, found, what, start, page.at)


@compiled
def _raw_end(codes: Codes, at: int, name: int, name_end: int) -> int:
    """Where the end tag stands of an element that holds no markup; the page's end if nowhere.

    A script within a comment of a script has an end tag of its own (HTML Standard, 13.2.5.18), and
    only the last end tag of a `plaintext` is none of its text (13.2.5.5).
    """
    is_script = name_end - name == len("script") and codes[name + 1] == _C
    is_plain = codes[name] == _P
    in_comment = within = False
    last = len(codes)
    for end in range(at, len(codes)):
        if codes[end] == _MORE and codes[end - 1] == _DASH and codes[end - 2] == _DASH:
            in_comment = within = False
        elif codes[end] != _LESS:
            continue
        elif _is(codes, end + 1, _SLASH) and _is_tag(codes, end + 2, name, name_end):
            if is_plain:
                last = end
            elif not within:
                return end
            within = False
        elif _is(codes, end + 1, _EXCLAMATION) and _is(codes, end + 2, _DASH):
            in_comment = is_script
        elif in_comment and _is_tag(codes, end + 1, name, name_end):
            within = True
    return last


@compiled
def _is_tag(codes: Codes, at: int, name: int, name_end: int) -> bool:
    """Whether it is this name, in letters of any case, that stands here as a tag's."""
    end = at + name_end - name
    if end >= len(codes) or codes[end] not in (_MORE, _SPACE, _SLASH, _NEWLINE):
        return False
    place = at
    while place < end and codes[place] | _LOWER == codes[name + place - at]:
        place += 1
    return place == end


@compiled
def _after_declaration(codes: Codes, at: int) -> int:
    """Where a comment, a document type or a processing instruction is over that starts here."""
    if not _is(codes, at + 2, _DASH):
        return _find(codes, at, _MORE) + 1
    at = _find(codes, at + 6, _MORE)
    while at < len(codes) and not (codes[at - 1] == _DASH and codes[at - 2] == _DASH):
        at = _find(codes, at + 1, _MORE)
    return at + 1


@compiled
def _read_closing(codes: Codes, page: Record, found: Records, names: Vocabulary) -> None:
    start = page.at
    page.at = _find(codes, start, _MORE) + 1
    told = _told_by_name(codes, start + 2, page.at - 1, _LESS, _MORE, names)
    if told & VOID:  # as SVG has it: `<input></input>`
        return
    page.depth -= 1
    if page.skipped >= 0:
        page.skipped = -1 if page.depth == page.skipped else page.skipped
        return
    if page.depth == page.aside:
        page.aside = -1
        _add(page, found, _ASIDE_END, 0, 0)
    if page.depth == page.main:
        page.main = -1
        _add(page, found, _MAIN_END, 0, 0)
    what = _what_closes(told & _HAPPENS, page.opened == start)
    page.between_cells = what == CELL
    if what and what != CELL:
        _add(page, found, what, 0, 0)


@compiled
def _what_closes(what: int, is_empty: bool) -> int:
    if is_empty and what in (CELL, PRE, LINK):
        return 0  # as resiliparse has it
    if what == LINK:
        return _LINK_END
    if what == PRE:
        return _PRE_END
    return what if what in (0, CELL) else BREAK


@compiled
def _read_opening(
    codes: Codes, page: Record, found: Records, names: Vocabulary, values: Vocabulary
) -> None:
    told, target, target_end = _read_tag(codes, page, names, values)
    is_void = told & VOID != 0
    if page.skipped < 0 and told & _NOT_SEEN:
        page.skipped = -1 if is_void else page.depth
    elif page.skipped < 0:
        page.opened = -1 if is_void else page.at
        page.between_cells = False
        starts_aside = _starts_place(page.aside, told & _ANY_ASIDE, page.asides, is_void)
        starts_main = _starts_place(page.main, told & _ANY_MAIN, page.mains, is_void)
        page.asides += told & _ANY_ASIDE != 0
        page.mains += told & _ANY_MAIN != 0
        is_empty = _is(codes, page.at, _LESS) and _is(codes, page.at + 1, _SLASH)
        what = _what_opens(told & _HAPPENS, is_empty and not starts_aside and not starts_main)
        if what:
            _add(page, found, what, target, target_end)
        if starts_aside:
            page.aside = page.depth
            _add(page, found, _ASIDE_START, 0, 0)
        if starts_main:
            page.main = page.depth
            _add(page, found, _MAIN_START, 0, 0)
        if starts_aside or starts_main:
            page.opened = -1
    page.depth += not is_void


@compiled
def _starts_place(place: int, told: int, places: int, is_void: bool) -> bool:
    """Only outermost places count: what is inside one is in its place anyway."""
    return told != 0 and place < 0 and places < _MOST_PLACES and not is_void


@compiled
def _what_opens(what: int, is_empty: bool) -> int:
    if is_empty and what == LINK:
        return _EMPTY_LINK
    return BREAK if is_empty and what == HEADING else what


@compiled
def _read_tag(
    codes: Codes, page: Record, names: Vocabulary, values: Vocabulary
) -> tuple[int, int, int]:
    """Reads an opening tag: what it tells, and where its target stands."""
    name = page.at + 1
    at = name
    while at < len(codes) and codes[at] != _SPACE and codes[at] != _MORE:
        at += 1
    told = _told_by_name(codes, name, at, _LESS, _MORE, names)
    if told & RAW:
        page.raw_name, page.raw_name_end = name, at
    target = target_end = 0
    while _is(codes, at, _SPACE):
        attribute = at + 1
        at = _find(codes, attribute + 1, _EQUALS)  # a name may start with one
        may_tell = _told_by_name(codes, attribute, at, _SPACE, _EQUALS, names)
        value = at + 2
        at = _find(codes, value, _QUOTE)
        if may_tell and not told & PAGE:
            edge = _SPACE if may_tell & IN_WORDS else _EQUALS
            told |= may_tell & (_BY_NAME_ALONE | _told_by_value(codes, value, at, edge, values))
            if may_tell & TARGET:
                target, target_end = value, at
        at += 1
    page.at = at + 1
    return told, target, target_end


@compiled
def _told_by_name(
    codes: Codes, start: int, end: int, before: int, after: int, names: Vocabulary
) -> int:
    state = names.steps[0, before]
    for at in range(start, end):
        if codes[at] >= _ASCII or codes[at] == _LESS:
            return 0
        state = names.steps[state, codes[at]]
    return int(names.told[names.steps[state, after]])


@compiled
def _told_by_value(codes: Codes, start: int, end: int, edge: int, values: Vocabulary) -> int:
    """All that is told by the words in a value, which has the edge on both sides."""
    state = values.steps[0, edge]
    told = values.told[state]
    for at in range(start, end):
        code = codes[at]
        if code >= _ASCII:
            state = values.steps[0, 0]
        else:
            state = values.steps[state, _SPACE if _TAB <= code <= _RETURN else code]
        told |= values.told[state]
    return int(told | values.told[values.steps[state, edge]])


@compiled
def _find(codes: Codes, at: int, code: int) -> int:
    for place in range(at, len(codes)):
        if codes[place] == code:
            return place
    return len(codes)


@compiled
def _count(codes: Codes, start: int, end: int, code: int) -> int:
    count = 0
    for at in range(start, end):
        count += codes[at] == code
    return count


@compiled
def _is(codes: Codes, at: int, code: int) -> bool:
    return bool(at < len(codes) and codes[at] == code)


LINE = np.dtype(
    [
        ("start", np.int32),
        ("end", np.int32),
        ("link_chars", np.int32),
        ("is_heading", np.bool_),
        ("aside", np.int32),
        ("in_main", np.bool_),
    ]
)
"""The line is `text[start:end]`; the other fields are those of `render.Lines`."""

_WRITER = np.dtype(
    [
        ("size", np.int32),  # characters written,
        ("lines", np.int32),  # lines,
        ("links", np.int32),  # and links
        ("start", np.int32),  # where the line starts
        ("first", np.int32),  # its first character that shows; -1 before it
        ("end", np.int32),  # after its last character that shows
        ("piece", np.int32),  # the first that shows since the last tag; -1 before it
        ("break_due", np.bool_),  # the line ends before the next character
        ("spaced", np.bool_),  # white space was last
        ("tabbed", np.bool_),  # a tab was last, or a space that was left out after one
        ("pres", np.int32),  # `pre` that are open; within one, a listing has one for each line
        ("cells", np.int32),  # cells of the row
        ("in_link", np.bool_),
        ("is_heading", np.bool_),
        ("link_chars", np.int32),
        ("aside", np.int32),
        ("asides", np.int32),
        ("in_main", np.bool_),
        ("last_aside", np.int32),  # where the last character stood that shows
        ("last_in_main", np.bool_),
        ("last_in_pre", np.bool_),
    ]
)


@compiled
def lines_of(codes: Codes, found: Records) -> tuple[Codes, Records, Records]:
    """Writes what is seen of a page, white space as one space but in `pre`, cells parted by a tab.

    Args:
        codes: the code points of a page in the normal form.
        found: its `happenings`.

    Returns:
        The text; its `LINE`s that show anything, each in the place of its last character; the
        links, as the `_HAPPENING`s that hold their targets.
    """
    chars = breaks = len(found)
    for happening in found:
        if happening.what in (_TEXT, _RAW_TEXT):
            chars += happening.end - happening.start
            breaks += _count(codes, happening.start, happening.end, _NEWLINE)
    text = np.empty(chars, np.int32)
    lines = np.empty(breaks, LINE)
    links = np.empty(len(found), _HAPPENING)
    here = np.zeros(1, _WRITER)[0]
    here.first = here.piece = -1
    here.spaced = True
    for happening in found:
        what = happening.what
        if what in (_TEXT, _RAW_TEXT):
            _write_text(codes, happening, here, text, lines)
        elif what <= HEADING:
            _write_break(what, here, text, lines)
        else:
            _turn(happening, here, lines, links)
    return text[: here.size], lines[: here.lines], links[: here.links]


@compiled
def _write_text(codes: Codes, happening: Record, here: Record, text: Codes, lines: Records) -> None:
    is_raw = happening.what == _RAW_TEXT
    at = happening.start
    while at < happening.end:
        code, at = _character(codes, at, is_raw)
        is_blank = _is_blank(code)
        if here.break_due and not is_blank:
            _end_line(here, lines)
        if here.pres and code == _NEWLINE:
            _end_line(here, lines)
        elif here.pres or not is_blank:
            _write(here, text, code)
        elif not here.spaced:
            _write(here, text, _SPACE)


@compiled
def _character(codes: Codes, at: int, is_raw: bool) -> tuple[int, int]:
    """The character that stands here, escaped or not, and where the next one stands."""
    if codes[at] != _AND or is_raw or at + 1 >= len(codes):
        return int(codes[at]), at + 1
    second = codes[at + 1]
    if second == _L:  # &lt;
        return _LESS, at + 4
    if second == _G:  # &gt;
        return _MORE, at + 4
    if second == _N:  # &nbsp;
        return _NO_BREAK_SPACE, at + 6
    if second == _Q:  # &quot;
        return _QUOTE, at + 6
    return _AND, at + 5 if second == _A else at + 1  # &amp;


@compiled
def _write(here: Record, text: Codes, code: int) -> None:
    here.spaced = _is_blank(code)
    if here.tabbed and code in (_SPACE, _TAB):
        return
    here.tabbed = code == _TAB
    text[here.size] = code
    if _shows(code):
        here.first = here.size if here.first < 0 else here.first
        here.piece = here.size if here.piece < 0 else here.piece
        here.end = here.size + 1
        here.last_aside = here.aside
        here.last_in_main = here.in_main
        here.last_in_pre = here.pres > 0
    here.size += 1


@compiled
def _is_blank(code: int) -> bool:
    """White space as HTML has it."""
    return code == _SPACE or _TAB <= code <= _RETURN


@compiled
def _shows(code: int) -> bool:
    """Not white space as `str.strip` has it."""
    if code < _ASCII:
        return not (code == _SPACE or _TAB <= code <= _RETURN or 0x1C <= code <= 0x1F)
    return not (0x2000 <= code <= 0x200A or code in _OTHER_SPACES)


@compiled
def _write_break(what: int, here: Record, text: Codes, lines: Records) -> None:
    """A line ends when the next one has text: a block that starts in a block ends nothing more."""
    if what == CELL:
        here.cells += 1
        if here.cells > 1:
            if here.break_due:
                _end_line(here, lines)
            _write(here, text, _TAB)
        return
    _end_piece(here)
    if what == HEADING:
        if not here.pres:
            _end_line(here, lines)
        here.is_heading = True
    else:
        here.break_due = not here.pres
        here.cells = 0 if what == ROW else here.cells


@compiled
def _turn(happening: Record, here: Record, lines: Records, links: Records) -> None:
    """Passes a tag that changes the place in which one reads."""
    what = happening.what
    _end_piece(here)
    if what == _PRE_END:
        here.pres -= 1
        here.break_due = not here.pres
        return
    if here.break_due:
        _end_line(here, lines)
    if what == PRE:
        here.pres += 1
        return
    here.spaced = False
    if what in (LINK, _EMPTY_LINK):
        has_target = happening.end > happening.start
        here.in_link = has_target if what == LINK else here.in_link
        if has_target:
            links[here.links] = happening
            here.links += 1
    elif what == _LINK_END:
        here.in_link = False
    elif what in (_ASIDE_START, _ASIDE_END):
        here.asides += what == _ASIDE_START
        here.aside = here.asides if what == _ASIDE_START else 0
    elif what == _END:
        _end_line(here, lines)
    else:
        here.in_main = what == _MAIN_START


@compiled
def _end_piece(here: Record) -> None:
    if here.in_link and here.piece >= 0:
        here.link_chars += here.end - here.piece
    here.piece = -1
    here.tabbed = False


@compiled
def _end_line(here: Record, lines: Records) -> None:
    _end_piece(here)
    if here.first >= 0:
        line = lines[here.lines]
        line.start = here.start if here.last_in_pre else here.first
        line.end = here.end
        line.link_chars = here.link_chars
        line.is_heading = here.is_heading
        line.aside = here.last_aside
        line.in_main = here.last_in_main
        here.lines += 1
    here.start = here.size
    here.first = -1
    here.link_chars = 0
    here.is_heading = False
    here.spaced = True
    here.break_due = False
