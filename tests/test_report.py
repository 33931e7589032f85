"""The report and the data card: true figures, safe text, and a page that works by itself."""

import html as entities
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from classifiers.bundle import load as load_bundle
from classifiers.evaluate import Judged, evaluate
from classifiers.labels import CLASSES, Doubt, Label
from classifiers.page import Evaluation
from classifiers.page import render as evaluation_page
from pipeline.compare import compare
from pipeline.erase import erase
from pipeline.errors import RunError
from pipeline.jobs.group import group
from pipeline.jobs.select import select
from pipeline.report import markdown
from pipeline.report.page import differences, funnel, stage_of
from pipeline.report.pages import report
from pipeline.rules import RULES
from pipeline.run import Run
from pipeline.selection.manifest import Manifest, add_export
from pipeline.selection.recipe import (
    Cut,
    ListFile,
    Recipe,
    Takedown,
    from_text,
    load,
    restored,
    shipped,
)
from schemas import SHARDS
from tests.browser import CHROMIUM, Reader, body, opened
from tests.made_run import BUNDLE, InProcess, Page, make_run, selected
from tests.planted import article, seeded

HOSTILE = "<script>document.title='破られた'</script><img src=x onerror=alert(1)> & \"引用\""
UNRULY = (
    "</style></title></script>{{ 7 * 7 }}{% endif %}\" onmouseover='x' <base href=//spy.example>"
    "<script>document.title='破られた'</script><img src=x onerror=alert(1)>"
)
BASE = "川沿いの道を歩いていると、向こうから犬を連れた老人がゆっくりと近づいてきた。"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Manifest]:
    """A run with a hostile page, a duplicate, and something left out by each kind of reason."""
    pages = [
        Page(HOSTILE + BASE * 4, "https://hostile.example.jp/<b>", columns={"title": HOSTILE}),
        Page(BASE * 5, "https://first.example.jp/", cluster="c"),
        Page(BASE * 5 + "終わり。", "https://second.example.jp/", noise=0.2, cluster="c"),
        Page("短い。", "https://stub.example.jp/", flags=("stub_v1",), noise=0.99),
        *(
            Page(
                f"{n}日目。" * 30 + chr(0x4E00 + n) * 40,
                f"https://shop{n % 3}.example.jp/{n}",
                affiliate=n / 20,
                crawl_time=n * 40_000_000_000,
            )
            for n in range(20)
        ),
    ]
    run = make_run(tmp_path_factory.mktemp("report") / "run", {"t": pages[:12], "u": pages[12:]})
    return run, selected(run, load("default"))


@pytest.fixture(scope="module")
def html(made: tuple[Run, Manifest]) -> str:
    return Path(made[0].selected("trial"), "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped())
def test_a_manifest_tells_the_recipe_again(made: tuple[Run, Manifest], name: str) -> None:
    again = restored(selected(made[0], load(name), name)["recipe"])
    assert (again, again.digest) == (load(name), load(name).digest)


def test_the_pages_are_written_again_byte_for_byte(made: tuple[Run, Manifest]) -> None:
    folder = Path(made[0].selected("trial"))
    first = {name: (folder / name).read_bytes() for name in ("report.html", "README.md")}
    for name in first:
        (folder / name).unlink()
    assert report(made[0], "trial") == [str(folder / name) for name in first]
    assert {name: (folder / name).read_bytes() for name in first} == first


def test_pages_are_not_written_of_a_run_that_has_changed(
    made: tuple[Run, Manifest], tmp_path: Path
) -> None:
    run = Run(str(shutil.copytree(made[0].path, tmp_path / "run")))
    listed = tmp_path / "hosts.txt"
    listed.write_text("hostile.example.jp")
    erase(run, Takedown(hosts=(ListFile.of(listed),)))
    with pytest.raises(RunError, match="documents have changed since"):
        report(run, "trial")


def test_the_page_needs_no_network(html: str) -> None:
    read = Reader(html)
    for tag, attributes in read.elements:
        assert tag not in {"link", "iframe", "img", "object", "embed"}
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html


def test_texts_of_the_crawl_cannot_speak_as_the_page(html: str) -> None:
    read = Reader(html)
    assert [tag for tag, _ in read.elements].count("script") == 1
    assert not [attributes for _, attributes in read.elements if "onerror" in attributes]
    assert HOSTILE in read.text


def assert_says_nothing_itself(page: str, words: str) -> None:
    """The words are on the page, as text: no element, handler, template or address is theirs."""
    read = Reader(page)
    tags = [tag for tag, _ in read.elements]
    assert (tags.count("script"), tags.count("style")) == (1, 1)
    assert not {"img", "iframe", "link", "base", "form", "object"} & set(tags)
    names = {name for _, attributes in read.elements for name in attributes}
    assert not [name for name in names if name.startswith("on")]
    addresses = [attributes.get("href") for tag, attributes in read.elements if tag == "a"]
    assert all(address and address.startswith("#") for address in addresses)
    assert words in read.text


def test_hosts_kinds_and_recipes_cannot_speak_as_the_page_of_a_comparison(tmp_path: Path) -> None:
    pages = [
        Page(
            f"{n}番目の{UNRULY}" + chr(0x4E00 + n) * 60,
            f"https://host.example.jp/{n}?{UNRULY}",
            noise=0.9,
            columns={"host": UNRULY, "page_type": UNRULY, "title": UNRULY},
        )
        for n in range(25)
    ]
    others = [Page(BASE * (n + 2), f"https://other.example.jp/{n}") for n in range(25)]
    run = make_run(tmp_path / "run", {"t": pages + others})
    named = UNRULY.replace("/", "∕")
    recipes = [Recipe("all", duplicates=None), Recipe(named, scores={"noise": Cut(keep_below=0.5)})]
    found = compare(run, recipes, InProcess(), BUNDLE, str(tmp_path / "compared"))
    assert [alarm["host"] for alarm in found["alarms"]] == [UNRULY]
    assert [(one["recipe"], one["kind"]) for one in found["shrunk"]] == [(named, UNRULY.lower())]
    page = (tmp_path / "compared" / "comparison.html").read_text(encoding="utf-8")
    for words in (UNRULY, UNRULY.lower(), named, f"all − {named}"):
        assert_says_nothing_itself(page, words)


def test_labels_and_texts_cannot_speak_as_the_page_of_an_evaluation() -> None:
    labels = [
        Label(
            url=f"https://a.example.jp/{n}?{UNRULY}",
            site=UNRULY,
            owner=UNRULY,
            truth=(n % 2 == 0, False, n % 3 == 0),
            second=(n % 2 == 0, False, False),
            hard_negative=frozenset({"noise"} if n % 2 else ()),
            genre=UNRULY,
            confidence="high",
            language=UNRULY,
        )
        for n in range(24)
    ]
    chances = np.tile([[0.1, 0.9, 0.9], [0.9, 0.1, 0.1]], (12, 1))
    texts = [f"{UNRULY}{BASE * 3}"] * len(labels)
    lengths = np.full(len(labels), len(texts[0]))
    judged = Judged(labels, chances, np.ones(len(labels), bool), lengths)
    names = {"bundle": UNRULY, "run": UNRULY, "labels": UNRULY}
    doubts = [Doubt(labels[0].url, "noise", True, False, UNRULY)]
    figures = evaluate(judged, dict.fromkeys(CLASSES, 0.5), doubts)
    page = evaluation_page(Evaluation(names, judged, texts, figures, load_bundle(), doubts, 3))
    for words in (UNRULY, f"genre {UNRULY}", labels[1].url, f"{UNRULY}{BASE}"):
        assert_says_nothing_itself(page, words)


def test_the_figures_are_those_of_the_manifest(html: str, made: tuple[Run, Manifest]) -> None:
    totals = made[1]["totals"]
    steps = funnel(totals)
    assert steps[0].left == totals["records"]
    assert steps[-1].left == totals["kept"]
    assert sum(step.taken for step in steps) == totals["records"] - totals["kept"]
    text = Reader(html).text
    for rule in totals["left_out_by_any_reason"]:
        assert rule in text


def test_it_speaks_both_languages(html: str) -> None:
    spans = [attributes.get("lang") for tag, attributes in Reader(html).elements if tag == "span"]
    assert spans.count("ja") == spans.count("en") > 30


def test_thresholds_are_drawn_where_the_recipe_cuts(html: str) -> None:
    figures = re.findall(r"<figure>.*?</figure>", html, re.DOTALL)
    (noise,) = [figure for figure in figures if "<code>noise</code>" in figure]
    assert 'class="cut" x1="320.0"' in noise  # 0.8 of 400
    assert "&lt; 0.8" in noise


def test_a_band_of_a_score_is_drawn_with_what_it_may_hold(
    made: tuple[Run, Manifest], tmp_path: Path
) -> None:
    run = Run(str(shutil.copytree(made[0].path, tmp_path / "run")))
    bands = (
        "{affiliate: {from: 0.25, below: 0.75, documents: 4}, noise: {from: 0.5, documents: 1500}}"
    )
    selected(run, from_text(f"caps: {bands}"))
    page = Path(run.selected("trial"), "report.html").read_text(encoding="utf-8")
    noise, affiliate, *others = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert 'class="band" x="100.0" y="0" width="200.0"' in affiliate
    assert "0.25 – 0.75: ≤ 4<" in affiliate
    assert 'class="band" x="200.0" y="0" width="200.0"' in noise
    assert "0.5 –: ≤ 1.5k<" in noise
    assert not any('class="band"' in figure for figure in others)


def test_a_duplicate_stands_beside_its_survivor_with_the_difference_marked(html: str) -> None:
    assert "<del>終わり。</del>" in html


def test_differences_give_both_texts_back() -> None:
    pair = {"survivor": {"text": "雨の朝に出かけた"}, "removed": {"text": "雪の朝に出かけない"}}
    pieces = list(differences(pair))
    assert "".join(ours for _, ours, _ in pieces) == "雨の朝に出かけた"
    assert "".join(theirs for _, _, theirs in pieces) == "雪の朝に出かけない"
    assert ("same", "の朝に出かけ", "の朝に出かけ") in pieces


def test_every_rule_of_the_table_belongs_to_the_rules_step() -> None:
    assert {stage_of(rule.name) for rule in RULES} == {"flags"}


def test_the_same_selection_gives_the_same_pages(made: tuple[Run, Manifest]) -> None:
    run, _ = made
    selected(run, load("default"), "again")
    for name in ("report.html", "README.md"):
        first, second = (Path(run.selected(which), name) for which in ("trial", "again"))
        assert first.read_bytes() == second.read_bytes()


def test_the_card_has_front_matter_that_a_hub_can_read(made: tuple[Run, Manifest]) -> None:
    run, said = made
    card = Path(run.selected("trial"), "README.md").read_text(encoding="utf-8")
    _, front, body = card.split("---\n", 2)
    matter = yaml.safe_load(front)
    assert matter["language"] == ["ja"]
    assert matter["size_categories"] == ["n<1K"]
    (config,) = matter["configs"]
    assert config["data_files"] == [{"split": "train", "path": "shard-*.parquet"}]
    assert f"{said['totals']['kept']:,} documents" in body
    for column in SHARDS.columns:
        assert f"| `{column.name}` |" in body
    assert said["recipe"]["digest"] in body


BENIGN = "plain"
OUTSPOKEN = [
    HOSTILE,
    "```\n</code></pre><h1>破られた</h1>",
    "---\nlicense: mit\n---\n# 破られた",
    "===\n# 破られた\n- a\n1. b\n> c",
    "[押す](javascript:alert(1)) ![x](https://spy.example/x.png)",
    "a | b |\n|---|---|\n| `c` | **d** _e_ ~~f~~ $g$ |",
    "\\` \\| \\[x](y) &lt;b&gt; `` ` ``",
]


def card_of(folder: Path, words: str) -> str:
    """The card of a selection whose recipe, older run and tokenizer are named by these words."""
    old = make_run(
        folder / words.replace("/", "∕"), {"t": [Page(BASE * 3, "https://old.example.jp/")]}
    )
    new = make_run(folder / "new", {"t": [Page(BASE * 6 + "雨。", "https://new.example.jp/")]})
    group(old, InProcess())
    group(new, InProcess(), against=[old.path])
    recipe = Recipe(words, description=words)
    said = select(new, recipe, "trial", InProcess(), BUNDLE, older=[old.path])
    tokenizer = {"name": words, "sha256": "0" * 64, "vocabulary": 7, "end": None}
    counted = {"documents": 2, "tokens": 9, "files": []}
    export = {"format": "megatron", "split": "train", "tokenizer": tokenizer, **counted}
    add_export(new.selected("trial"), said["origin"]["settings"], export)
    report(new, "trial")
    return Path(new.selected("trial"), "README.md").read_text(encoding="utf-8")


def bones(card: str) -> list[str]:
    """What Markdown makes its structure of, line by line, outside of the recipe's own block."""
    _, _, written = card.split("---\n", 2)
    outside = re.sub(r"^(`{3,})yaml\n.*?\n\1$", "", written, flags=re.MULTILINE | re.DOTALL)
    unescaped = re.sub(r"\\[!-/:-@\[-`{-~]|&\w+;", "x", outside)
    return [
        "".join(re.findall(r"^[#+=>-]|[`*_~\[\]|$<>]", line)) for line in unescaped.splitlines()
    ]


@pytest.fixture(scope="module")
def plain_card(tmp_path_factory: pytest.TempPathFactory) -> str:
    return card_of(tmp_path_factory.mktemp("plain"), BENIGN)


@pytest.mark.parametrize("words", OUTSPOKEN)
def test_names_and_descriptions_cannot_speak_as_the_card(
    words: str, plain_card: str, tmp_path: Path
) -> None:
    card = card_of(tmp_path, words)
    assert bones(card) == bones(plain_card)
    front = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    assert front
    expected = {"pretty_name": f"seimai {' '.join(words.split())}"}
    plain_front = yaml.safe_load(plain_card.split("---\n", 2)[1])
    assert yaml.safe_load(front[1]) == {**plain_front, **expected}


@given(st.text())
def test_whatever_is_escaped_is_read_as_it_was(words: str) -> None:
    escaped = markdown.text(words)
    assert not re.search(r"^(?:[#+=>-]|\d+[.)](?: |$))|[<>\n]", escaped)
    unescaped = entities.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped))
    assert unescaped == " ".join(words.split())


def test_boilerplate_that_was_cut_is_told_on_both_pages(tmp_path: Path) -> None:
    box = ["この記事を書いた人", "小林", "蔵めぐりを二十年続けています。"]
    posts = ["\n".join([article(seeded(number), 200), *box]) for number in range(12)]
    pages = [Page(post, f"https://blog.example.jp/{n}") for n, post in enumerate(posts)]
    run = make_run(tmp_path, {"t": pages})
    group(run, InProcess())
    said = selected(run, from_text("paragraphs: {frequent: cut}"))
    chars = sum(map(len, box))
    assert said["totals"]["cut"] == {"characters": 12 * chars, "documents": 12}
    page = Reader(Path(run.selected("trial"), "report.html").read_text(encoding="utf-8")).text
    assert f"{12 * chars:,}定型文として除いた字数" in page
    assert page.count(f"うち定型文of them boilerplate {chars} ·") == 12
    card = Path(run.selected("trial"), "README.md").read_text(encoding="utf-8")
    assert f"From the texts of 12 of the documents kept, {12 * chars:,} characters" in card


def test_nothing_is_said_of_boilerplate_where_none_is_cut(
    html: str, made: tuple[Run, Manifest]
) -> None:
    card = Path(made[0].selected("trial"), "README.md").read_text(encoding="utf-8")
    assert "定型文" not in html
    assert "characters of boilerplate" not in card


_PROBE = """
const seen = () => [...document.querySelectorAll("[data-samples]:not([hidden])")]
  .map((s) => s.dataset.samples).join();
const press = (selector) => document.querySelector(selector).click();
const found = [seen()];
press('[data-reason="stub_v1"]'); found.push(seen());
press('[data-set-lang="en"]'); found.push(document.documentElement.lang);
press('[data-set-lang="ja"]'); found.push(document.documentElement.lang);
const search = document.getElementById("search");
search.value = "hostile.example.jp"; search.dispatchEvent(new Event("input"));
found.push([...document.querySelectorAll(".sample:not([hidden])")].length);
document.body.dataset.found = found.join("|");
"""

if CHROMIUM:  # the page is tried in a real browser wherever there is one

    def test_in_a_browser_filters_search_and_languages_work(html: str, tmp_path: Path) -> None:
        read = opened(html, _PROBE, tmp_path)
        assert "data-error" not in body(read)
        assert body(read)["data-found"] == "kept|stub_v1|en|ja|1"
        head = read.text.partition("精米")[0]
        assert "seimai – default" in head
        assert "破られた" not in head, "no text of the crawl may rename the page"
