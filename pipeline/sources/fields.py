"""What the pages of every source have in common: crawl times, clean URLs, limits."""

from datetime import UTC, datetime

from pipeline.sources.records import Problem, Record, Skipped

MAX_PAYLOAD = 16 << 20
"""Bytes of a page, decoded; a larger one is a `payload_too_large`. The largest page of a Common
Crawl WARC is cut at 5 MiB by the crawler (1 MiB before March 2025)."""

TOO_LARGE = "payload_too_large"

MAX_URL = 8192
"""Characters of a URL; RFC 9110, 4.1 asks that at least 8000 be understood."""

BAD_DATE = "crawl_time_unusable"
CREDENTIALS = "url_credentials_removed"
NOT_ENCODED = "content_encoding_not_applied"
REMARKS = (BAD_DATE, CREDENTIALS, NOT_ENCODED)
"""Oddities that do not stop a record: its time is null, its URL lost `user:password@`, its body
was stored decoded although the header names an encoding."""

_EARLIEST = 631_152_000_000  # 1990, before the first web page
_LATEST = 4_102_444_800_000  # 2100


def checked(page: Record) -> Record | Skipped | Problem:
    """A page as its source gave it, after the checks that hold for every source.

    Credentials in its URL are removed; a page without a byte is skipped; one that is too large,
    or whose URL is, is a problem.
    """
    if "@" in page.url:
        url = without_credentials(page.url)
        if url != page.url:
            page = page._replace(url=url, remarks=(*page.remarks, CREDENTIALS))
    if len(page.url) > MAX_URL:
        return _problem(page, "url_too_long", f"{len(page.url)} characters; at most {MAX_URL}")
    if len(page.payload) > MAX_PAYLOAD:
        return _problem(page, TOO_LARGE, f"{len(page.payload)} bytes; at most {MAX_PAYLOAD}")
    return page if page.payload else Skipped("page.empty")


def _problem(page: Record, reason: str, detail: str) -> Problem:
    return Problem(page.input, page.position, page.url[:MAX_URL], reason, detail)


def milliseconds(moment: datetime) -> int | None:
    """Milliseconds since 1970 UTC; None outside 1990 to 2100. A naive time is taken as UTC.

    >>> milliseconds(datetime(2024, 6, 9, tzinfo=UTC))
    1717891200000
    >>> milliseconds(datetime(9999, 1, 1, tzinfo=UTC)) is None
    True
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return in_range(int(aware.timestamp() * 1000))


def in_range(value: int) -> int | None:
    """A time in milliseconds, if it lies between 1990 and 2100; else None."""
    return value if _EARLIEST <= value < _LATEST else None


def parse_time(text: str) -> int | None:
    """An ISO 8601 time as milliseconds since 1970 UTC; None where it is no usable time.

    >>> parse_time("2024-06-09T15:49:31Z")
    1717948171000
    >>> parse_time("0000-00-00T00:00:00Z") is None
    True
    """
    try:
        return milliseconds(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def without_credentials(url: str) -> str:
    """A URL without `user:password@`, so that no secret is stored or logged.

    >>> without_credentials("https://taro:himitsu@example.jp/a@b")
    'https://example.jp/a@b'
    """
    if "@" not in url:
        return url
    scheme, separator, rest = url.partition("://")
    stop = next((i for i, sign in enumerate(rest) if sign in "/?#"), len(rest))
    authority = rest[:stop].rpartition("@")[2]
    return f"{scheme}{separator}{authority}{rest[stop:]}" if separator else url
