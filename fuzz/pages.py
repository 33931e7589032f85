"""Any record: decoded, extracted, normalised, judged and measured; it ends in exactly one place."""

import sys

import atheris

with atheris.instrument_imports(include=["pipeline"]):
    from pipeline.documents import extract_documents
    from pipeline.sources import Record
    from pipeline.text import normalise

CHARSETS = (None, "utf-8", "shift_jis", "euc-jp", "iso-2022-jp", "utf-16", "gb18030", "?")


def one_record(data: bytes) -> None:
    """The first byte tells the form and the declared charset; the others are the page."""
    form, payload = data[:1] or b"\0", data[1:]
    charset, is_html = CHARSETS[form[0] % len(CHARSETS)], form[0] < 192
    record = Record("fuzz", 0, "https://akui.example/", None, payload, is_html, charset, "ja")
    found = extract_documents([record])
    if found.documents.num_rows + found.left_out.total() + len(found.problems) != 1:
        raise AssertionError("a record was lost, or counted twice")
    found.documents.validate(full=True)
    for text in found.documents["text"].to_pylist():
        if normalise(text) != text:
            raise AssertionError("normalising again changed the text")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_record)
    atheris.Fuzz()
