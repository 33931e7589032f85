"""What the notebooks draw with: fonts that hold Japanese, and the classes' Japanese names."""

from typing import Final

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes

from classifiers.metrics import Chances, Truth, reliability

NAMES: Final = {"noise": "ノイズ", "affiliate": "アフィリエイト", "adult": "アダルト"}
"""The classes, as a plot calls them."""

_FONTS: Final = (
    "Noto Sans CJK JP",
    "Noto Serif CJK JP",
    "IPAexGothic",
    "Hiragino Sans",
    "Yu Gothic",
)


def use_japanese_fonts() -> None:
    """Lets plots write Japanese, with the first known font that is installed."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    plt.rcParams["font.family"] = [*(font for font in _FONTS if font in installed), "sans-serif"]


def draw_reliability(axis: Axes, truth: Truth, chances: Chances, name: str) -> None:
    """Draws what came true of the chances that were said; honest chances lie on the diagonal."""
    found = reliability(truth, chances)
    axis.plot([0, 1], [0, 1], color="lightgrey")
    axis.plot(found.said, found.happened, marker="o", label=name)
    axis.set(xlabel="予測した確率", ylabel="実際の割合")


def draw_histogram(axis: Axes, chances: Chances, threshold: float, name: str) -> None:
    """Draws how chances lie, with the threshold."""
    axis.hist(np.asarray(chances), bins=20, range=(0, 1))
    axis.axvline(threshold, color="tab:red")
    axis.set(title=name, xlabel="確率")
