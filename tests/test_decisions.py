"""Decisions: every reason, in a fixed order, and who stays where documents compete."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dedup.survivors import KeepPolicy
from pipeline.explain import explain, explain_text
from pipeline.run import Run
from pipeline.selection import decisions
from pipeline.selection.decisions import Judge, over_cap, share_thresholds
from pipeline.selection.manifest import Manifest
from pipeline.selection.masking import is_my_number, mask
from pipeline.selection.reasons import Reason, remedy
from pipeline.selection.recipe import Caps, Cut, Range, Recipe, TimeWindow, from_text, load
from tests.made_run import Page, make_run, selected

LONG = "祖父の家の裏には竹林があり、春になると朝早くから筍を掘りに行くのが家族の決まりだった。"
DAY = 86_400_000


def texts(count: int) -> list[str]:
    """Texts that have nothing in common but being Japanese."""
    things = ["海", "山", "町", "本", "鳥", "雨", "茶", "駅", "橋", "庭", "窓", "米"]
    return [
        "".join(
            f"{things[(n * 7 + k) % 12]}を{n * k}回見た{chr(0x4E00 + n * 31 + k)}。"
            for k in range(30)
        )
        for n in range(count)
    ]


def decided(run: Run, name: str = "trial") -> dict[str, dict[str, Any]]:
    """The decisions of a selection by URL."""
    documents = ds.dataset(
        [str(path) for path in Path(run.documents).glob("*-documents-*.parquet")]
    )
    urls = documents.to_table(columns=["id", "url"])
    by_id = dict(zip(urls["id"].to_pylist(), urls["url"].to_pylist(), strict=True))
    found = Path(run.selected(name)).glob("decisions/*.parquet")
    rows = ds.dataset([str(path) for path in found]).to_table().to_pylist()
    return {by_id[row["id"]]: row for row in rows}


def reasons(run: Run, url: str, name: str = "trial") -> list[str]:
    return [reason["rule"] for reason in decided(run, name)[url]["reasons"]]


def kept(run: Run, name: str = "trial") -> set[str]:
    return {url for url, row in decided(run, name).items() if row["kept"]}


def test_a_document_names_every_reason_with_value_and_threshold_in_order(tmp_path: Path) -> None:
    page = Page(
        LONG,
        "https://a.example.jp/",
        crawl_time=5 * DAY,
        noise=0.9,
        adult=0.7,
        flags=("stub_v1", "short_v1"),
        columns={"special_share": 0.5},
    )
    run = make_run(tmp_path, {"t": [page]})
    selected(
        run,
        Recipe(
            "r",
            crawl_time=TimeWindow(begin=10 * DAY),
            flags=("stub_v1",),
            ranges={"special_share": Range(maximum=0.25)},
            scores={"noise": Cut(keep_below=0.5), "adult": Cut(keep_below=0.75)},
        ),
    )
    row = decided(run)["https://a.example.jp/"]
    assert not row["kept"]
    assert row["reasons"] == [
        {"rule": "crawl_time.from", "value": 5 * DAY, "threshold": 10 * DAY},
        {"rule": "stub_v1", "value": len(LONG), "threshold": 100},
        {"rule": "special_share.max", "value": 0.5, "threshold": 0.25},
        {"rule": "noise.keep_below", "value": pytest.approx(0.9), "threshold": 0.5},
    ]


def test_a_band_of_a_score_keeps_its_best_and_leaves_the_rest_of_the_scale_alone(
    tmp_path: Path,
) -> None:
    scale = [0.1, 0.25, 0.3, 0.4, 0.5, 0.79, 0.8, 0.9]
    pages = [
        Page(text, f"https://h.example.jp/{noise}", noise=noise)
        for text, noise in zip(texts(8), scale, strict=True)
    ]
    run = make_run(tmp_path, {"t": pages[::2], "u": pages[1::2]})
    recipe = from_text("caps: {noise: {from: 0.3, below: 0.8, documents: 2}}")
    selected(run, recipe)
    gone = {f"https://h.example.jp/{noise}" for noise in (0.5, 0.79)}
    assert {url for url, row in decided(run).items() if not row["kept"]} == gone
    assert decided(run)["https://h.example.jp/0.5"]["reasons"] == [
        {"rule": "cap.noise", "value": 3.0, "threshold": 2.0}
    ]
    story = explain(run.path, None, "https://h.example.jp/0.79", "trial")
    assert "number 4 by quality in the recipe's band of noise, which holds 2" in story
    assert "raise `caps.noise.documents` to at least 4" in story


def test_caps_by_site_come_before_bands(tmp_path: Path) -> None:
    """What its host has no room for takes no place in a band either."""
    one, two, three = texts(3)
    pages = [
        Page(one, "https://a.example.jp/1", noise=0.3),
        Page(two, "https://a.example.jp/2", noise=0.4),
        Page(three, "https://b.example.jp/1", noise=0.5),
    ]
    run = make_run(tmp_path, {"t": pages})
    selected(run, from_text("caps: {host: 1, noise: {from: 0.2, documents: 2}}"))
    assert kept(run) == {"https://a.example.jp/1", "https://b.example.jp/1"}
    assert reasons(run, "https://a.example.jp/2") == ["cap.host"]


def test_a_page_that_asks_not_to_be_trained_on_is_left_out_and_says_so(tmp_path: Path) -> None:
    wishes = {
        "no": ["noai", "noarchive"],
        "pictures": ["noimageai"],
        "open": ["index", "follow"],
        "silent": [],
        "no-html": None,
    }
    pages = [
        Page(text, url, columns={"robots": said})
        for text, (url, said) in zip(texts(5), wishes.items(), strict=True)
    ]
    run = make_run(tmp_path, {"t": pages})
    selected(run, load("default"))
    assert kept(run) == {"pictures", "open", "silent", "no-html"}
    assert decided(run)["no"]["reasons"] == [
        {"rule": "robots.noai", "value": None, "threshold": None}
    ]
    story = explain(run.path, None, "no", "trial")
    assert "its page says `noai` to machines" in story
    assert "take `noai` out of `robots`" in story
    selected(run, from_text("robots: [noarchive, noimageai, noai]"), "all")
    assert kept(run, "all") == {"open", "silent", "no-html"}
    assert reasons(run, "no", "all") == ["robots.noai", "robots.noarchive"]
    selected(run, from_text("extends: default\nrobots:"), "none")
    assert kept(run, "none") == set(wishes)


@pytest.mark.parametrize("name", ["default", "strict"])
def test_the_recipes_to_train_by_honour_noai(name: str) -> None:
    assert load(name).robots == ("noai",)


def test_the_bounds_of_a_range_and_nulls_are_kept(tmp_path: Path) -> None:
    pages = [
        Page(text, f"https://a.example.jp/{share}", columns={"link_share": share})
        for text, share in zip(texts(4), (0.1, 0.3, 0.30001, None), strict=True)
    ]
    run = make_run(tmp_path, {"t": pages})
    selected(run, Recipe("r", ranges={"link_share": Range(0.1, 0.3)}))
    assert kept(run) == {f"https://a.example.jp/{share}" for share in (0.1, 0.3, None)}


def test_counts_by_name_are_bounded_by_their_total(tmp_path: Path) -> None:
    few, many = (
        [{"provider": "p", "count": 2}],
        [
            {"provider": "p", "count": 2},
            {"provider": "q", "count": 3},
        ],
    )
    one, two = texts(2)
    run = make_run(
        tmp_path,
        {
            "t": [
                Page(one, "few", columns={"affiliate_links": few}),
                Page(two, "many", columns={"affiliate_links": many}),
            ]
        },
    )
    selected(run, Recipe("r", ranges={"affiliate_links": Range(maximum=4)}))
    assert kept(run) == {"few"}
    assert decided(run)["many"]["reasons"][0]["value"] == 5


def test_an_undated_document_is_in_no_time_window(tmp_path: Path) -> None:
    one, two = texts(2)
    run = make_run(tmp_path, {"t": [Page(one, "dated"), Page(two, "undated", crawl_time=None)]})
    selected(run, Recipe("r", crawl_time=TimeWindow(until=2**42)))
    assert kept(run) == {"dated"}
    assert reasons(run, "undated") == ["crawl_time.undated"]
    selected(run, Recipe("r"))
    assert kept(run) == {"dated", "undated"}


def test_a_takedown_covers_all_hosts_below_and_nothing_beside(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("# 申し出\n*.Taken.example.jp  # 六月\n例え.jp\n", encoding="utf-8")
    urls = tmp_path / "urls.txt"
    urls.write_text("http://stays.example.jp/one/\n", encoding="utf-8")
    there = [
        "https://taken.example.jp/",
        "https://blog.taken.example.jp/a",
        "https://xn--r8jz45g.jp/",
        "https://stays.example.jp/one#top",
        "https://stays.example.jp/two",
        "https://mistaken.example.jp/",
    ]
    pages = [Page(text, url) for text, url in zip(texts(6), there, strict=True)]
    run = make_run(tmp_path / "run", {"t": pages})
    written = f"takedown: {{hosts: {hosts}, urls: {urls}}}"
    selected(run, from_text(written))
    assert kept(run) == set(there[4:])
    assert reasons(run, there[1]) == ["takedown.host"]
    assert reasons(run, there[3]) == ["takedown.url"]


def test_taking_down_a_survivor_lets_the_next_best_copy_in(tmp_path: Path) -> None:
    best, next_best, worst = (
        Page(LONG * 5 + end, f"https://{name}.example.jp/", noise=noise, cluster="c")
        for end, name, noise in (("一", "best", 0.1), ("二", "next", 0.2), ("三", "worst", 0.3))
    )
    run = make_run(tmp_path / "run", {"t": [worst, best], "u": [next_best]})
    selected(run, Recipe("r"), "before")
    row = decided(run, "before")[worst.url]
    assert kept(run, "before") == {best.url}
    assert (row["survivor_id"], reasons(run, worst.url, "before")) == (best.id, ["duplicate"])
    assert 0.75 <= row["similarity"] <= 1
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("best.example.jp")
    selected(run, from_text(f"takedown: {{hosts: {hosts}}}"), "after")
    assert kept(run, "after") == {next_best.url}
    assert decided(run, "after")[worst.url]["survivor_id"] == next_best.id
    assert decided(run, "after")[best.url]["survivor_id"] is None


def test_a_document_that_is_left_out_stands_for_nobody(tmp_path: Path) -> None:
    clean = Page(LONG * 5, "clean", noise=0.6, cluster="c")
    taken = Page(LONG * 5 + "終", "flagged", noise=0.1, flags=("stub_v1",), cluster="c")
    run = make_run(tmp_path, {"t": [taken, clean]})
    selected(run, Recipe("r", flags=("stub_v1",)))
    assert kept(run) == {"clean"}


def test_two_copies_may_stay_or_all(tmp_path: Path) -> None:
    pages = [Page(LONG * 5, f"u{n}", noise=n / 10, cluster="c") for n in range(4)]
    run = make_run(tmp_path, {"t": pages})
    selected(run, Recipe("r", duplicates=KeepPolicy(copies=2)))
    assert kept(run) == {"u0", "u1"}
    selected(run, Recipe("r", duplicates=None))
    assert len(kept(run)) == 4


def test_a_share_is_of_what_is_still_eligible(tmp_path: Path) -> None:
    pages = [
        Page(text, f"u{n}", noise=n / 100, flags=("stub_v1",) if n >= 10 else ())
        for n, text in enumerate(texts(20))
    ]
    run = make_run(tmp_path, {"t": pages[:7], "u": pages[7:]})
    made = selected(run, Recipe("r", flags=("stub_v1",), scores={"noise": Cut(drop_worst=0.2)}))
    assert kept(run) == {f"u{n}" for n in range(8)}
    assert made["shares"]["noise"] == pytest.approx(0.07)
    # Those that were out already are told that they are among the worst, too.
    assert reasons(run, "u15") == ["stub_v1", "noise.drop_worst"]


@given(st.lists(st.integers(0, 20), min_size=1), st.floats(0, 1))
def test_never_more_than_the_share_is_dropped(values: list[int], share: float) -> None:
    scores = np.array(values, np.float32) / np.float32(20)
    edge = share_thresholds({"noise": Cut(drop_worst=share)}, {"noise": scores})["noise"]
    dropped = scores > edge
    assert dropped.sum() <= share * len(scores)
    tied = scores == edge
    assert tied.any() or dropped.all()
    assert dropped.sum() + tied.sum() >= share * len(scores) - 1


def test_caps_keep_the_best_of_a_site_by_host_then_by_domain(tmp_path: Path) -> None:
    pages = [
        Page(text, f"https://{host}.example.jp/{n}", noise=n / 100)
        for n, (text, host) in enumerate(zip(texts(8), "aaaabbcc", strict=True))
    ]
    run = make_run(tmp_path, {"t": pages[5:], "u": pages[:5]})
    selected(run, Recipe("r", caps=Caps(host=2, domain=5)))
    assert sorted(url[8:] for url in kept(run)) == [
        "a.example.jp/0",
        "a.example.jp/1",
        "b.example.jp/4",
        "b.example.jp/5",
        "c.example.jp/6",
    ]
    row = decided(run)["https://a.example.jp/3"]["reasons"]
    assert row == [{"rule": "cap.host", "value": 4, "threshold": 2}]
    assert reasons(run, "https://c.example.jp/7") == ["cap.domain"]


@given(st.lists(st.integers(0, 5)), st.integers(1, 4))
def test_a_cap_is_the_first_of_each_site_in_order(sites: list[int], cap: int) -> None:
    codes = np.array(sites, np.int64)
    hits = over_cap("cap.host", codes, np.arange(len(sites)), cap)
    plainly = [n for n in range(len(sites)) if sites[:n].count(sites[n]) >= cap]
    assert hits.rows.tolist() == plainly


def test_a_sample_is_the_same_documents_in_whatever_run(tmp_path: Path) -> None:
    pages = [Page(text, f"u{n}") for n, text in enumerate(texts(200))]
    half = Recipe("r", sample=0.5)
    first = make_run(tmp_path / "one", {"t": pages})
    second = make_run(tmp_path / "two", {"t": pages[150:], "u": pages[:150]})
    selected(first, half)
    selected(second, half)
    assert kept(first) == kept(second)
    assert 60 < len(kept(first)) < 140
    selected(first, Recipe("r", sample=0.5, seed=1))
    assert kept(first) != kept(second)


def test_the_judge_works_on_a_plain_table_without_a_run() -> None:
    columns = {
        "id": pa.array(["a", "b"]),
        "flags": pa.array([[], ["short_v1"]], pa.list_(pa.string())),
        "noise": pa.array([0.2, 0.9], pa.float32()),
    }
    hits = Judge(Recipe("r", scores={"noise": Cut(keep_below=0.5)})).hits(columns, {})
    found = decisions.reasons(hits, 2).to_pylist()
    assert [[reason["rule"] for reason in row] for row in found] == [[], ["noise.keep_below"]]


def test_a_run_without_documents_selects_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path, {"t": []})
    made: Manifest = selected(run, load("strict"))
    assert (made["totals"]["kept"], made["shards"]) == (0, [])


def test_explain_tells_reasons_survivor_and_what_would_change_it(tmp_path: Path) -> None:
    first = Page(LONG * 5, "https://a.example.jp/", cluster="c")
    copy = Page(LONG * 5 + "。", "https://b.example.jp/", noise=0.2, cluster="c")
    bad = Page(LONG, "https://c.example.jp/", noise=0.97, flags=("stub_v1",))
    run = make_run(tmp_path, {"t": [first, copy, bad]})
    selected(run, load("default"))
    told = explain(run.path, bad.id, None, "trial")
    for piece in (
        "left out",
        "noise is 0.97",
        "below 0.8",
        "n_chars is",
        "at least 100",
        "set `flags.stub_v1` to `keep`",
        "raise `scores.noise.keep_below` over 0.97",
    ):
        assert piece in told
    told = explain(run.path, None, copy.url, "trial")
    assert f"{first.id} stands for it: {first.url}" in told
    told = explain(run.path, first.id, None, "trial")
    assert "kept." in told
    assert "`scores.noise.keep_below` were 0.100 or less (now 0.8)" in told


def test_explain_judges_any_text() -> None:
    told = explain_text("はい。", load("default"))
    assert "stub_v1: n_chars is 3; at least 100 is expected." in told
    assert "Probabilities: noise" in told


def test_explain_hears_of_a_text_what_is_judged() -> None:
    diary = "今日は雨だった。"
    assert explain_text(f"\r\n{diary}\n\n", load("strict")) == explain_text(diary, load("strict"))


@given(st.floats(2**-30, 2**30, width=32))
def test_what_would_change_a_range_lets_the_document_in(value: float) -> None:
    for bound in ("min", "max"):
        said = remedy(Reason(f"noise.{bound}", value, 0.5)).rpartition(" ")[2]
        line = float(said.replace(",", ""))
        assert line <= value if bound == "min" else line >= value
        assert line == pytest.approx(value, rel=1e-3)


def test_no_line_is_named_where_none_would_do() -> None:
    assert remedy(Reason("adult.keep_below", 0.97, 0.9)).endswith("over 0.97")
    assert remedy(Reason("adult.keep_below", 1.0, 0.9)).startswith("leave `scores.adult` empty")


def test_explain_names_what_a_classifier_heard() -> None:
    advert = (
        "【2024年最新】おすすめ比較ランキング！今すぐ公式サイトで申し込むとキャンペーン特典。" * 6
    )
    told = explain_text(advert, load("strict"))
    assert "affiliate.keep_below" in told
    assert "what speaks for it in the text: " in told


@pytest.mark.parametrize(
    ("kind", "text", "masked"),
    [
        ("email", "宛先はTaro.Yamada@mail.example.co.jpです。", "宛先は<メール>です。"),
        (
            "phone",
            "電話（03-1234-5678）、携帯は０９０－１２３４－５６７８。",
            "電話（<電話番号>）、携帯は<電話番号>。",
        ),
        ("phone", "代表は0120-444-444、(06)6123-4567です", "代表は<電話番号>、<電話番号>です"),
        ("address", "〒100-8111 東京都千代田区千代田1番1号にあります。", "<住所>にあります。"),
        ("my_number", "番号は1234 5678 9018です", "番号は<個人番号>です"),
    ],
)
def test_personal_data_is_masked_and_counted(kind: str, text: str, masked: str) -> None:
    found, counts = mask(text, [kind])
    assert found == masked
    assert counts[kind] == masked.count("<")


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-15に03-1の結果で敗れた。",  # dates and scores
        "ISBN 978-4-00-310101-8",  # books
        "型番は1234 5678 9012です",  # twelve digits, check digit wrong
        "東京都は広い。青森県産のりんご3個を買う。",  # a prefecture, no address
        "@tanaka さんへ。価格は10,000円@税込。",  # no address before or after the sign
    ],
)
def test_what_only_looks_like_personal_data_stays(text: str) -> None:
    assert mask(text, ["email", "phone", "address", "my_number"])[0] == text


@given(st.lists(st.integers(0, 9), min_size=11, max_size=11))
def test_one_check_digit_of_ten_makes_a_my_number(digits: Sequence[int]) -> None:
    body = "".join(map(str, digits))
    assert sum(is_my_number(f"{body}{check}") for check in range(10)) == 1
