"""A page's HTML in; its title, main text, whole visible text and facts out.

One parse and one walk over what the parser writes (`render`, `walk`) serve the main text
(`main_text`) and the facts (`facts`); `limits` refuses, by a named reason, what would cost time or
memory without bound.
"""

from pipeline.html.limits import UnreadablePage
from pipeline.html.page import Page, extract

__all__ = ["Page", "UnreadablePage", "extract"]
