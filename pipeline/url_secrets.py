"""Secrets in URLs: refused at the door, and never told again.

What opens a store comes from the environment or from fsspec's own configuration, which nothing
writes down. A URL is written down everywhere: in `run.json`, in sidecars, beside every document
and in every message.
"""

import re

_IN_AUTHORITY = re.compile(
    r"(?<=://)"
    r"(?:[^\s/?#@:\[]{0,999}:(?!\d{0,5}(?:[/?#\s]|$))[^\s?#@]{0,999}@"  # a secret may hold a /
    r"|[^\s/?#@]{0,999}:[^\s/?#@]{0,999}@)"
)
_TOKEN_AS_USER = re.compile(r"(?<=http://|ttps://)[^\s/?#@:]{1,999}@")
_PARAMETER = re.compile(
    r"(?<=[?&])([^\s=&#?]{0,99}"
    r"(?:sig|signature|token|secret|passw(?:or)?d|pwd|credential|apikey|accesskey|accesskeyid|auth"
    r"|(?<![a-z])key))=[^\s&#]+",
    re.IGNORECASE,
)
_UNTOLD = "[secret]"


def without_secrets(text: str) -> str:
    """A text with each password, token and signature in its URLs taken out.

    >>> without_secrets("s3://AKIA:a/b@crawl/x: denied; https://h.example/x?page=2&sig=Zm9v")
    's3://[secret]@crawl/x: denied; https://h.example/x?page=2&sig=[secret]'
    >>> without_secrets("abfs://crawl@account.dfs.core.windows.net/x and https://h.example:80/@a")
    'abfs://crawl@account.dfs.core.windows.net/x and https://h.example:80/@a'
    """
    if "://" not in text:
        return text
    text = _TOKEN_AS_USER.sub(f"{_UNTOLD}@", _IN_AUTHORITY.sub(f"{_UNTOLD}@", text))
    return _PARAMETER.sub(rf"\1={_UNTOLD}", text)


def holds_secret(path: str) -> bool:
    """Whether a path is a URL with a password, a token or a signature.

    >>> holds_secret("https://taro:himitsu@h.example/a.warc.gz"), holds_secret("s3://crawl/a@b")
    (True, False)
    """
    return without_secrets(path) != path
