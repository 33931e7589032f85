"""Compare: the figures are those of the manifests, and what differs can be looked at."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.compare import compare, drift
from pipeline.errors import OptionError
from pipeline.run import Run
from pipeline.selection.manifest import read
from pipeline.selection.recipe import Cut, Recipe, load
from tests.browser import CHROMIUM, body, opened
from tests.made_run import BUNDLE, InProcess, Page, make_run

TEXT = "山小屋の朝は早く、まだ暗いうちから味噌汁の匂いが廊下まで流れてくる。"
RECIPES = [
    Recipe("all", duplicates=None),
    Recipe("clean", scores={"noise": Cut(keep_below=0.5)}),
    Recipe("plain", flags=("stub_v1",)),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    pages = [
        Page(
            f"{n}回目の宿泊。" + chr(0x4E00 + n) * 60,
            f"https://host{n % 2}.example.jp/{n}",
            noise=0.9 if n % 2 else 0.1,
            flags=("stub_v1",) if n % 3 == 0 else (),
            columns={"page_type": "Product" if n % 2 else "article", "link_share": n % 2 / 2},
            crawl_time=(n % 2) * 40_000_000_000,
        )
        for n in range(60)
    ]
    copies = [Page(TEXT * 5, f"https://copy.example.jp/{n}", cluster="c") for n in range(4)]
    folder = tmp_path_factory.mktemp("compare") / "run"
    return make_run(folder, {"t": pages[:40], "u": pages[40:] + copies})


@pytest.fixture(scope="module")
def found(run: Run) -> dict[str, Any]:
    return compare(run, RECIPES, InProcess(), BUNDLE, f"{run.path}/compared")


def test_the_figures_add_up_with_the_manifests(run: Run, found: dict[str, Any]) -> None:
    assert found["documents"] == 64
    for name, one in found["recipes"].items():
        totals = read(run.selected(name))["totals"]
        assert one["kept"] == totals["kept"] == found["overlap"][name][name]
        assert one["kept_characters"] == totals["kept_characters"]
        assert one["kept"] + sum(one["left_out_by_first_reason"].values()) == 64
        assert sum(host["kept"][name] for host in found["hosts"].values()) == one["kept"]
        assert sum(year["kept"][name] for year in found["years"].values()) == one["kept"]
        for distribution in found["distributions"].values():
            assert sum(distribution["kept"][name]) <= sum(distribution["all"]) <= 64


def test_kinds_of_page_show_which_of_them_a_recipe_shrinks(run: Run, found: dict[str, Any]) -> None:
    for kinds in found["kinds"].values():
        for name in found["recipes"]:
            kept = sum(kind["kept"][name] for kind in kinds.values())
            assert kept == found["recipes"][name]["kept"]
    declared, links = found["kinds"]["page_type"], found["kinds"]["link_share"]
    assert declared["product"] == {"documents": 30, "kept": {"all": 30, "clean": 0, "plain": 20}}
    assert declared["article"]["kept"]["clean"] == 30
    assert links["0.4 – 0.8"]["kept"] == declared["product"]["kept"]
    assert links["unknown"]["documents"] == 4
    page = Path(run.path, "compared", "comparison.html").read_text(encoding="utf-8")
    assert "ページの種類" in page


def test_near_duplicate_mass_is_counted_before_and_after(found: dict[str, Any]) -> None:
    """Four copies of one page: `all` keeps them, the others keep one of them."""
    four, one = len(TEXT) * 5 * 4, len(TEXT) * 5
    everything = {"documents": 4, "characters": four, "clusters": 1, "further": 3}
    single = {"documents": 1, "characters": one, "clusters": 1, "further": 0}
    assert found["near_duplicates"] == {
        "all": everything,
        "kept": {"all": everything, "clean": single, "plain": single},
    }


def test_kinds_that_shrink_are_named_the_most_shrunk_first(run: Run, found: dict[str, Any]) -> None:
    shrunk = [(one["recipe"], one["by"], one["kind"], one["kept"]) for one in found["shrunk"]]
    assert shrunk == [
        ("clean", "page_type", "product", 0),
        ("clean", "link_share", "0.4 – 0.8", 0),
    ]
    page = Path(run.path, "compared", "comparison.html").read_text(encoding="utf-8")
    assert "declares itself (og:type)</span>: product" in page
    assert "all − clean <small>33</small>" in page


def test_overlap_is_what_both_keep(found: dict[str, Any]) -> None:
    overlap = found["overlap"]
    assert overlap["all"]["clean"] == overlap["clean"]["all"] == found["recipes"]["clean"]["kept"]
    assert overlap["clean"]["plain"] == 20 + 1


def test_a_host_that_is_wiped_out_raises_an_alarm(found: dict[str, Any]) -> None:
    assert found["alarms"] == [
        {"recipe": "clean", "host": "host1.example.jp", "documents": 30, "kept": 0}
    ]


def test_json_and_page_are_written_and_the_page_is_alone(run: Run, found: dict[str, Any]) -> None:
    folder = Path(run.path, "compared")
    assert orjson.loads((folder / "comparison.json").read_bytes()) == found
    page = (folder / "comparison.html").read_text(encoding="utf-8")
    assert 'data-samples="all − clean"' in page
    assert "src=" not in page
    assert "noise is 0.9; the recipe keeps documents below 0.5." in page


def test_drift_names_the_hosts_that_lost_much_since(found: dict[str, Any]) -> None:
    later = orjson.loads(orjson.dumps(found))
    later["hosts"]["host0.example.jp"]["kept"]["all"] = 10
    assert drift(found, found, "all", 0.3) == []
    (lost,) = drift(found, later, "all", 0.3)
    assert (lost["host"], lost["before"]) == ("host0.example.jp", 1)
    assert lost["after"] == pytest.approx(1 / 3)


def test_one_recipe_cannot_be_compared(run: Run) -> None:
    for recipes in ([load("raw")], [load("raw"), load("raw")]):
        with pytest.raises(OptionError, match="two or more different"):
            compare(run, recipes, InProcess(), BUNDLE, run.path)


_PROBE = """
const seen = () => [...document.querySelectorAll("[data-samples]:not([hidden])")]
  .map((s) => s.dataset.samples).join();
const found = [seen()];
document.querySelector('[data-reason="all − plain"]').click(); found.push(seen());
document.querySelector('[data-set-lang="en"]').click();
found.push([...document.querySelectorAll("h2 .en")].every((e) => e.offsetHeight > 0));
found.push([...document.querySelectorAll("h2 .ja")].some((e) => e.offsetHeight > 0));
document.body.dataset.found = found.join("|");
"""

if CHROMIUM:  # the page is tried in a real browser wherever there is one

    def test_in_a_browser_pairs_and_languages_work(
        run: Run, found: dict[str, Any], tmp_path: Path
    ) -> None:
        page = Path(run.path, "compared", "comparison.html").read_text(encoding="utf-8")
        seen = body(opened(page, _PROBE, tmp_path))
        assert list(found["recipes"])[:2] == ["all", "clean"]
        assert "data-error" not in seen
        assert seen["data-found"] == "all − clean|all − plain|true|false"
