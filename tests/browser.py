"""A page in a real headless browser, wherever there is one: Debian's Chromium."""

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""


class Reader(HTMLParser):
    """Collects what a browser would see: elements, their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def opened(html: str, probe: str, folder: Path) -> Reader:
    """The page as it stands once its scripts and a probing script have run.

    Errors of any script are on the body, as `data-error`; the probe may leave more there.
    """
    page = folder / "page.html"
    listen = (
        "window.addEventListener('error', (e) => { document.body.dataset.error = e.message; });"
    )
    script = f"<script>{listen} window.addEventListener('load', () => {{ {probe} }});</script>"
    page.write_text(html.replace("<body>", f"<body>{script}"), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    profile = f"--user-data-dir={folder / 'profile'}"
    ended = subprocess.run(
        [CHROMIUM, *flags, profile, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return Reader(ended.stdout)


def body(read: Reader) -> dict[str, str | None]:
    """The attributes of the page's body."""
    (found,) = [attributes for tag, attributes in read.elements if tag == "body"]
    return found
