"""What judging the classifiers promises: any label table, true figures, a page by itself."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve

from classifiers.bundle import load
from classifiers.calibrate import AS_IT_IS, ISOTONIC, PLATT, Evidence, Heard, measure, platt
from classifiers.evaluate import Judged, as_text, evaluate, sites_with_errors, worst_errors
from classifiers.kinds import kinds
from classifiers.labels import CLASSES, Doubt, Label, as_markdown, read_doubts, read_labels
from classifiers.metrics import (
    Ranking,
    average_precision,
    calibration_error,
    intervals_over_groups,
    reliability,
)
from classifiers.page import Evaluation, render
from classifiers.propose import proposals
from pipeline.errors import InputError
from tests.test_classifiers import DIARY, RANKING, html_documents, label

ROOT = Path(__file__).parents[1]
HALVES = dict.fromkeys(CLASSES, 0.5)
HOSTILE = "<script>alert('悪意')</script>"


def judged(labels: list[Label], noise: list[float]) -> Judged:
    """Pages of which only the chance of noise is of interest."""
    chances = np.zeros((len(labels), len(CLASSES)))
    chances[:, 0] = noise
    there = np.ones(len(labels), dtype=bool)
    return Judged(labels, chances, there, np.full(len(labels), 500))


def noise_of(labels: list[Label], noise: list[float], *doubts: Doubt) -> dict[str, dict]:
    figures = evaluate(judged(labels, noise), HALVES, doubts)
    json.dumps(figures, allow_nan=False)  # what is not a number is None
    assert list(as_text(figures))
    found: dict[str, dict] = figures["classes"]["noise"]
    return found


class TestTables:
    def written(self, folder: Path, rows: list[dict[str, object]]) -> str:
        path = folder / "labels.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    def test_a_class_without_labels_is_known_as_such(self, tmp_path: Path) -> None:
        path = self.written(tmp_path, [{"url": "https://a.jp/", "noise": 1, "adult": ""}])
        (read,) = read_labels(path, complete=False)
        assert (read.truth, read.known) == ((True, False, False), (True, False, False))

    def test_training_asks_for_every_class(self, tmp_path: Path) -> None:
        path = self.written(tmp_path, [{"url": "https://a.jp/", "noise": 1, "adult": None}])
        with pytest.raises(InputError, match="row 1"):
            read_labels(path)

    def test_a_row_that_says_nothing_is_named(self, tmp_path: Path) -> None:
        path = self.written(tmp_path, [{"url": "https://a.jp/"}])
        with pytest.raises(InputError, match="no label for noise, affiliate, adult"):
            read_labels(path, complete=False)

    def test_numbers_and_lists_of_other_programs_are_read(self, tmp_path: Path) -> None:
        table = pa.table(
            {
                "url": ["https://a.jp/", "https://b.jp/"],
                "noise": [1.0, 0.0],
                "affiliate": [True, False],
                "adult": [0, 0],
                "audit": [10.0, None],
                "hard_negative": [[], ["adult", "noise"]],
            }
        )
        pq.write_table(table, tmp_path / "labels.parquet")
        first, second = read_labels(str(tmp_path / "labels.parquet"))
        assert first.truth == (True, True, False)
        assert first.second == (False, True, False)
        assert (second.second, second.hard_negative) == (None, {"adult", "noise"})

    def test_a_reader_who_saw_nothing_of_any_class_is_a_reader(self, tmp_path: Path) -> None:
        row = {"url": "https://a.jp/", **dict.fromkeys(CLASSES, 0), "audit": 0}
        (read,) = read_labels(self.written(tmp_path, [row]))
        assert read.agreed(0)

    def test_line_separators_within_a_field_do_not_end_a_row(self, tmp_path: Path) -> None:
        path = tmp_path / "labels.tsv"
        path.write_text(
            "\ufeffurl\tnoise\taffiliate\tadult\tevidence\nhttps://a.jp/\t0\t1\t0\t一\u2028二\r\n",
            encoding="utf-8",
        )
        (read,) = read_labels(str(path))
        assert read.truth == (False, True, False)

    @pytest.mark.parametrize(
        ("name", "content"),
        [("l.jsonl", b"{"), ("l.parquet", b"PAR1"), ("l.tsv", b"\xff\xfe\x00"), ("none.tsv", None)],
    )
    def test_a_file_that_is_no_table_is_named(
        self, tmp_path: Path, name: str, content: bytes | None
    ) -> None:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=re.escape(name)):
            read_labels(str(tmp_path / name))


class TestVotes:
    def voters(self, html: str, url: str = "https://example.jp/0") -> set[str]:
        batch = html_documents([html])
        place = batch.schema.get_field_index("url")
        batch = batch.set_column(place, "url", pa.array([url]))
        title = re.search("<title>(.*)</title>", html)
        batch = batch.append_column("title", pa.array([title[1] if title else None]))
        (proposal,) = proposals(batch, load())
        return {vote["voter"] for vote in proposal["votes"]}

    def test_a_title_that_ranks_votes_for_affiliate(self) -> None:
        page = "<title>{}</title><p>" + DIARY + "</p>"
        assert "ranking_title" in self.voters(page.format("【比較】おすすめの加湿器7選"))
        assert "ranking_title" not in self.voters(page.format("加湿器を比較してみた冬の日記"))

    def test_an_address_of_a_listing_votes_for_noise(self) -> None:
        page = f"<title>猫</title><p>{DIARY}</p>"
        assert "listing_address" in self.voters(page, "https://example.jp/tags/%E7%8C%AB/")
        assert "listing_address" in self.voters(page, "https://example.jp/blog/page/3/")
        assert "listing_address" not in self.voters(
            page, "https://example.jp/category/neko/hiruno.html"
        )

    def test_a_title_of_an_error_votes_for_noise(self) -> None:
        assert "error_title" in self.voters("<title>ページが見つかりません</title><p>もどる</p>")

    def test_links_speak_for_noise_only_where_no_sentences_stand_among_them(self) -> None:
        links = "".join(f"<li><a href=/{n}>日記の{n}ページ目</a></li>" for n in range(30))
        assert "mostly_links" in self.voters(f"<title>一覧</title><ul>{links}</ul>")
        linked = f"<title>日記</title><p><a href=/>{DIARY}</a></p>"
        assert "mostly_links" not in self.voters(linked)


class TestFigures:
    def test_a_page_counts_only_in_the_classes_that_it_has_labels_for(self) -> None:
        unsaid = label("b.jp", known=(False, True, True))
        found = noise_of([label("a.jp", "", True, False, False), unsaid], [0.9, 0.9])
        assert found["high_mid"]["pages"] == 1
        assert found["high_mid"]["precision"] == 1

    def test_without_a_positive_page_nothing_is_said_of_recall(self) -> None:
        found = noise_of([label("a.jp"), label("b.jp")], [0.1, 0.9])
        assert found["high_mid"]["average_precision"] is None
        assert found["high_mid"]["recall_at_precision"] == {"0.99": None, "0.95": None}
        assert found["high_mid"]["precision"] == 0

    def test_without_a_second_reader_nothing_is_said_of_agreement(self) -> None:
        found = noise_of([label("a.jp", "", True, False, False)], [0.9])
        assert found["both_agree"]["pages"] == 0
        assert found["both_agree"]["calibration_error"] is None

    def test_one_site_has_figures_and_no_interval(self) -> None:
        pages = [label("a.jp", "", n < 3, False, False, page=n) for n in range(6)]
        found = noise_of(pages, [0.9, 0.8, 0.7, 0.3, 0.2, 0.1])
        assert found["high_mid"]["average_precision"] == 1
        assert found["high_mid"]["average_precision_interval"] == [None, None]

    def test_pages_of_one_class_only_are_judged(self) -> None:
        pages = [label(f"{n}.jp", "", True, False, False) for n in range(3)]
        assert noise_of(pages, [0.9, 0.8, 0.1])["high_mid"]["recall"] == pytest.approx(2 / 3)

    def test_figures_come_with_and_without_doubtful_labels(self) -> None:
        pages = [label("a.jp", "", True, False, False), label("b.jp"), label("c.jp")]
        doubt = Doubt(pages[1].url, "noise", False, True, "a menu")
        found = noise_of(pages, [0.9, 0.95, 0.1], doubt)
        assert found["high_mid"]["precision"] == 0.5
        assert found["high_mid_undoubted"]["precision"] == 1
        assert "high_mid_undoubted" not in noise_of(pages, [0.9, 0.95, 0.1])

    def test_a_doubt_about_one_class_leaves_the_others_alone(self) -> None:
        pages = [label("a.jp"), label("b.jp")]
        doubt = Doubt(pages[0].url, "adult", False, True, "a shop")
        assert noise_of(pages, [0.1, 0.2], doubt)["high_mid_undoubted"]["pages"] == 2

    def test_hard_negatives_are_counted_by_kind(self) -> None:
        pages = [
            label(f"{n}.jp", hard_negative=frozenset({"noise"}), genre="recipe" if n else "diary")
            for n in range(3)
        ]
        found = noise_of(pages, [0.9, 0.9, 0.1])["hard_negatives"]
        assert (found["pages"], found["flagged"]) == (3, 2)
        assert found["genres"]["recipe"] == {"pages": 2, "flagged": 1, "share": 0.5}

    def test_sites_with_errors_come_with_the_worst_first(self) -> None:
        pages = [label("good.jp"), *(label("bad.jp", "o", page=n) for n in range(2))]
        (found,) = sites_with_errors(judged(pages, [0.1, 0.9, 0.8]), 0, 0.5)
        assert (found["site"], found["owner"], found["wrongly_flagged"]) == ("bad.jp", "o", 2)

    def test_the_worst_errors_can_be_of_one_kind_and_spare_doubtful_labels(self) -> None:
        pages = [label("a.jp", "", True, False, False), label("b.jp"), label("c.jp")]
        of = judged(pages, [0.3, 0.9, 0.6])
        assert worst_errors(of, 0) == [1, 0, 2]
        assert worst_errors(of, 0, of_class=True) == [0]
        assert worst_errors(of, 0, doubts=[Doubt(pages[1].url, "noise", False, None, "?")]) == [
            0,
            2,
        ]

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(
            st.tuples(st.booleans(), st.floats(0, 1), st.sampled_from("abc"), st.booleans()),
            min_size=1,
            max_size=12,
        )
    )
    def test_any_labels_can_be_judged(self, rows: list[tuple[bool, float, str, bool]]) -> None:
        pages = [
            label(f"{site}.jp", "", truth, False, False, page=n, known=(known, True, False))
            for n, (truth, _, site, known) in enumerate(rows)
        ]
        found = noise_of(pages, [chance for _, chance, _, _ in rows])["high_mid"]
        assert found["pages"] == sum(known for *_, known in rows)
        for name in ("average_precision", "precision", "recall", "f1", "calibration_error"):
            assert found[name] is None or 0 <= found[name] <= 1


class TestMeasures:
    @settings(max_examples=50, deadline=None)
    @given(
        st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0])), min_size=1)
    )
    def test_a_ranking_says_what_the_reference_says(self, rows: list[tuple[bool, float]]) -> None:
        truth = np.array([of for of, _ in rows] + [True])
        chances = np.array([chance for _, chance in rows] + [0.5])
        ranking = Ranking.of(truth, chances)
        assert ranking.average_precision() == pytest.approx(average_precision_score(truth, chances))
        precisions, recalls, thresholds = precision_recall_curve(truth, chances)
        assert ranking.thresholds.tolist() == thresholds[::-1].tolist()
        assert ranking.precisions == pytest.approx(precisions[:-1][::-1])
        assert ranking.recalls == pytest.approx(recalls[:-1][::-1])

    def test_a_ranking_of_nothing_has_no_area(self) -> None:
        assert np.isnan(Ranking.of(np.zeros(0, bool), np.zeros(0)).average_precision())

    def test_reliability_holds_chances_against_what_came_true(self) -> None:
        found = reliability(np.array([True, False, True]), np.array([0.82, 0.88, 1.0]))
        assert found.count.tolist() == [0] * 8 + [2, 1]
        assert found.said[8] == pytest.approx(0.85)
        assert found.happened[8] == 0.5
        assert np.isnan(found.said[0])

    def test_calibration_error_is_the_weighted_gap(self) -> None:
        truth, chances = np.array([True, False, True]), np.array([0.82, 0.88, 1.0])
        assert calibration_error(truth, chances) == pytest.approx(2 / 3 * 0.35)
        assert np.isnan(calibration_error(truth[:0], chances[:0]))

    def test_several_measures_are_drawn_on_the_same_samples(self) -> None:
        truth = np.array([True, False, True, False])
        chances = np.array([0.9, 0.8, 0.3, 0.1])
        found = intervals_over_groups(
            lambda rows: {"once": average_precision(truth[rows], chances[rows]), "twice": 2.0},
            np.array([0, 1, 2, 3]),
        )
        assert found["twice"] == (2, 2)
        assert found["once"][0] < found["once"][1]


class TestCalibration:
    def heard(self, says: Callable[[float], float], pages: int = 400) -> Heard:
        """Pages on 40 sites whose log-odds are true, as a head says that reports them wrongly."""
        random = np.random.default_rng(0)
        true = random.normal(0, 2, pages)
        happened = random.random(pages) < 1 / (1 + np.exp(-true))
        labels = [
            label(f"{n % 40}.jp", "", bool(of), False, False, page=n)
            for n, of in enumerate(happened)
        ]
        log_odds = np.stack([[says(value) for value in true]] * len(CLASSES), axis=1)
        return Heard("html", labels, log_odds)

    def test_overconfident_chances_are_set_right(self) -> None:
        evidence = Evidence.of(self.heard(lambda value: 3 * value + 1), 0)
        found = measure(evidence, 0)
        before, after = (found[way]["high_mid"]["calibration_error"] for way in (AS_IT_IS, PLATT))
        assert after < before / 2
        line = platt(evidence.log_odds, evidence.truth, evidence.weights)
        assert line.slope == pytest.approx(1 / 3, abs=0.1)
        assert line.offset == pytest.approx(-1 / 3, abs=0.2)

    def test_a_crooked_curve_is_seen_by_the_isotonic_figures(self) -> None:
        found = measure(Evidence.of(self.heard(lambda value: 4 if value > 0 else value), 0), 0)
        assert found[ISOTONIC]["score"] < found[AS_IT_IS]["score"]

    def test_labels_that_two_readers_gave_count_most_and_unsure_ones_not_at_all(self) -> None:
        labels = [
            label("a.jp", second=(False, False, False), confidence="low"),
            label("b.jp"),
            label("c.jp", confidence="low"),
            label("d.jp", known=(False, True, True)),
        ]
        evidence = Evidence.of(Heard("html", labels, np.zeros((4, 3))), 0)
        assert evidence.labels == labels[:2]
        assert evidence.weights.tolist() == [1, 0.25]

    def test_a_class_without_positive_pages_is_left_as_it_is(self) -> None:
        evidence = Evidence.of(Heard("html", [label("a.jp"), label("b.jp")], np.zeros((2, 3))), 2)
        found = measure(evidence, 2)
        assert found[PLATT] == found[AS_IT_IS] == found[ISOTONIC]
        assert found[PLATT]["both_agree"]["brier"] is None


class TestKinds:
    def test_pages_are_told_by_script_and_by_commission_links(self) -> None:
        batch = pa.RecordBatch.from_pydict(
            {
                "japanese_share": pa.array([0.9, 0.2, 0.9, None]),
                "hiragana_of_japanese": pa.array([0.6, 0.6, 0.1, 0.5]),
                "katakana_of_japanese": pa.array([0.1, 0.1, 0.2, 0.2]),
                "affiliate_links": pa.array(
                    [[], [{"provider": "a8", "count": 2}], None, []],
                    pa.list_(pa.struct([("provider", pa.string()), ("count", pa.int32())])),
                ),
            }
        )
        told = kinds(batch)
        assert told["script"].tolist() == [
            "mostly hiragana",
            "mostly Latin",
            "mostly kanji",
            "unknown",
        ]
        assert told["commission links"].tolist() == ["none", "some", "unknown", "none"]

    def test_documents_without_those_columns_are_of_unknown_kind(self) -> None:
        told = kinds(pa.RecordBatch.from_pydict({"id": ["a"]}))
        assert {kind for of_pages in told.values() for kind in of_pages.tolist()} == {"unknown"}

    def test_figures_are_sliced_by_them(self) -> None:
        labels = [label("a.jp", "", False, True, False), label("b.jp", "", False, True, False)]
        of = judged(labels, [0, 0])
        of.chances[:, 1] = 0.9, 0.1
        of = Judged(
            of.labels,
            of.chances,
            of.with_html,
            of.n_chars,
            {"commission links": np.array(["some", "none"])},
        )
        slices = evaluate(of, HALVES)["classes"]["affiliate"]["slices"]
        assert slices["commission links some"]["recall"] == 1
        assert slices["commission links none"]["recall"] == 0


class _Addresses(HTMLParser):
    """Whatever a page would fetch, and its headings."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.drawn = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [
            value for name, value in attrs if name in {"src", "href"} and value and value[0] != "#"
        ]
        self.drawn += tag == "polyline"


class TestPage:
    def page(self, texts: list[str], noise: list[float], labels: list[Label]) -> str:
        of = judged(labels, noise)
        names = {"bundle": "base", "run": "RUN", "labels": HOSTILE}
        return render(Evaluation(names, of, texts, evaluate(of, HALVES), load(), [], 3))

    def test_shows_curves_and_errors_in_both_languages_and_fetches_nothing(self) -> None:
        labels = [
            label("a.jp", "", True, False, False, genre="list", second=(True, False, False)),
            label("b.jp", genre=HOSTILE, second=(False, False, False)),
            label("c.jp", second=(False, False, False)),
        ]
        html = self.page([RANKING, DIARY + HOSTILE, DIARY], [0.9, 0.8, 0.1], labels)
        assert "<script>alert" not in html
        seen = _Addresses()
        seen.feed(html)
        assert seen.fetched == []
        assert seen.drawn == 6  # three drawings of noise, each for both selections
        for words in ("適合率と再現率", "Precision and recall", "誤検出", "wrongly flagged"):
            assert words in html
        assert DIARY[:20] in re.sub("</?mark>", "", html)

    def test_is_the_same_for_the_same_evaluation(self) -> None:
        arguments = ([DIARY, RANKING], [0.9, 0.1], [label("a.jp"), label("b.jp")])
        assert self.page(*arguments) == self.page(*arguments)

    def test_an_evaluation_without_errors_or_positives_has_a_page_too(self) -> None:
        assert "There is none." in self.page([DIARY], [0.1], [label("a.jp")])


class TestDoubts:
    TABLE = ROOT / "docs" / "labels.tsv"

    def test_the_list_is_the_one_in_the_docs(self) -> None:
        page = (ROOT / "docs" / "labels.md").read_text(encoding="utf-8")
        table = [line for line in page.splitlines() if line.startswith("|")]
        assert table == list(as_markdown(read_doubts(str(self.TABLE))))

    def test_each_says_another_label_and_why_in_words_of_its_own(self) -> None:
        doubts = read_doubts(str(self.TABLE))
        assert len({(doubt.url, doubt.name) for doubt in doubts}) == len(doubts)
        for doubt in doubts:
            assert doubt.should_be is not doubt.label
            assert doubt.reason.isascii()

    def test_a_row_that_is_none_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "doubts.tsv"
        header = "url\tclass\tlabel\tshould_be\treason\n"
        path.write_text(header + "https://a.jp/\tspam\t0\t1\twhy\n", encoding="utf-8")
        with pytest.raises(InputError, match=r"row 1 .*'spam' is no class"):
            read_doubts(str(path))
