"""What the classifiers promise of a bundle, of labels, of scores and of their measures."""

import json
import math
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import fugashi
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import unidic_lite
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.ablation import html_rows, text_rows
from classifiers.bundle import Bundle, load
from classifiers.evaluate import Judged, as_text, evaluate
from classifiers.explain import explain, ngram_votes, votes
from classifiers.features import DENSE, features
from classifiers.labels import (
    CLASSES,
    IN_NO_FOLD,
    Label,
    folds,
    groups,
    read_labels,
    summary,
)
from classifiers.metrics import (
    average_precision,
    brier,
    calibration_error,
    interval_over_groups,
    precision_recall_f1,
    threshold_at_precision,
)
from classifiers.morphology import noun_share, parts_of_speech
from classifiers.ngrams import code_points
from classifiers.train import Settings, train_bundle
from pipeline.errors import BundleError, InputError, RunError
from pipeline.html import extract
from schemas import PAGE_FACTS, SCORES

DIARY = (
    "朝から雨が降っていたので、駅前の喫茶店で本を読んで過ごした。窓際の席は少し寒かったけれど、"
    "店の人が膝掛けを貸してくれた。夕方になって雨が上がり、川沿いの道を歩いて帰った。"
    "土手には彼岸花が咲いていて、犬を連れた人たちとすれ違うたびに挨拶をした。"
)
RANKING = (
    "【2024年最新】おすすめクレジットカード比較ランキング10選！\n当サイト人気No.1の公式サイトは"
    "こちら。\n今なら年会費無料で最大10,000円分のポイントがもらえるキャンペーン実施中！\n"
    "口コミ・評判を徹底比較。メリットとデメリットも解説します。\n\\公式サイトで詳細を見る/\n"
    "おすすめランキング第1位：審査が早くて初心者にもおすすめのカードです。申し込みはこちらから。"
)
MENU = "\n".join(
    ["ホーム", "新着情報", "カテゴリ一覧", "タグ一覧", "2021年3月(4)", "2021年2月(7)"]
    + [f"記事一覧 {page}ページ目" for page in range(1, 15)]
    + ["前へ", "次へ", "サイトマップ", "お問い合わせ", "プライバシーポリシー"]
)
SEX_EDUCATION = (
    "思春期になると、からだは少しずつ大人へと変わっていきます。月経や射精について正しく知ることは、"
    "自分と相手を大切にすることにつながります。保健の授業では、避妊の方法や性感染症の予防、"
    "同意の意味について、養護教諭と一緒に話し合いました。困ったときは保健室に相談してください。"
)

MAMMOGRAPHY = (
    "乳がんの検査では、乳房を圧迫してエックス線で撮影します。痛みがある場合は技師に伝えてください。"
    "授乳中の方や妊娠の可能性がある方は、予約の前に医師へご相談ください。"
)
CONSENT = (
    "性的同意とは、性行為の前にお互いの意思を確かめることです。酔っている人や眠っている人から同意は"
    "得られません。性暴力の被害にあったときは、ワンストップ支援センターに電話してください。"
)
PENAL_LAW = (
    "刑法第百七十五条は、わいせつな文書、図画その他の物を頒布し、又は公然と陳列した者を処罰する。"
    "判例は、徒に性欲を興奮又は刺激せしめることをその要件とする。"
)
SHOP = (
    "新宿のデリヘルをお探しの方へ。巨乳の人妻や素人の女の子が多数在籍、アナルやパイズリのオプションも"
    "充実。コース料金は60分16,000円から、指名料2,000円。本日出勤の女の子はこちら。18歳未満は入店禁止。"
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load()


def documents(texts: list[str | None]) -> pa.RecordBatch:
    """Documents without HTML."""
    names = [f"{number:032x}" for number in range(len(texts))]
    return pa.RecordBatch.from_pydict(
        {
            "id": pa.array(names, pa.string()),
            "text": pa.array(texts, pa.string()),
            "page_text": pa.nulls(len(texts), pa.string()),
        }
    )


def html_documents(pages: list[str]) -> pa.RecordBatch:
    """Documents read from HTML, with their facts."""
    rows = []
    for number, html in enumerate(pages):
        page = extract(html, "https://example.jp/")
        rows.append(
            {
                "id": f"{number:032x}",
                "url": f"https://example.jp/{number}",
                "text": page.text,
                "page_text": page.page_text,
                **page.facts,
                "charset": "utf-8",
                "html_bytes": len(html.encode()),
            }
        )
    plain = [pa.field(name, pa.string()) for name in ("id", "url", "text", "page_text")]
    schema = pa.schema([*plain, *(fact.arrow for fact in PAGE_FACTS)])
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def chances(bundle: Bundle, text: str) -> dict[str, float]:
    row: dict[str, float] = bundle.score(documents([text])).to_pylist()[0]
    return row


class TestScores:
    def test_a_ranking_is_affiliate_and_a_diary_is_nothing(self, bundle: Bundle) -> None:
        assert chances(bundle, RANKING)["affiliate"] > 0.5
        diary = chances(bundle, DIARY * 3)
        assert max(diary[name] for name in CLASSES) < 0.5

    def test_a_menu_is_more_noise_than_a_diary(self, bundle: Bundle) -> None:
        assert chances(bundle, MENU)["noise"] > 0.5 > chances(bundle, DIARY * 3)["noise"]

    @pytest.mark.parametrize("text", [SEX_EDUCATION, MAMMOGRAPHY, CONSENT])
    def test_lessons_and_medicine_are_not_adult(self, bundle: Bundle, text: str) -> None:
        assert chances(bundle, text * 2)["adult"] < bundle.thresholds["adult"]

    def test_honest_false_positive_a_short_comment_on_obscenity_law_reads_as_adult(
        self, bundle: Bundle
    ) -> None:
        assert chances(bundle, PENAL_LAW)["adult"] > 0.9  # where the default recipe cuts

    def test_a_shop_is_adult(self, bundle: Bundle) -> None:
        assert chances(bundle, SHOP)["adult"] > bundle.thresholds["adult"]

    def test_honest_false_positive_a_list_of_stations_reads_as_noise(self, bundle: Bundle) -> None:
        stations = "\n".join(["東京", "神田", "秋葉原", "御徒町", "上野", "鶯谷", "日暮里"] * 3)
        assert chances(bundle, stations)["noise"] > 0.5

    def test_scores_keep_order_and_schema(self, bundle: Bundle) -> None:
        scored = bundle.score(documents([DIARY, None, "", RANKING]))
        assert scored.schema.equals(SCORES.arrow, check_metadata=True)
        assert scored["id"].to_pylist() == documents([DIARY, None, "", RANKING])["id"].to_pylist()
        for name in CLASSES:
            assert all(0 <= chance <= 1 for chance in scored[name].to_pylist())

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.text(max_size=200), min_size=1, max_size=6), st.integers(1, 5))
    def test_scores_are_the_same_bits_however_batched(self, texts: list[str], size: int) -> None:
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        whole, bundle = documents(clean), load()
        scored = bundle.score(whole, morphology="all")
        parts = [
            bundle.score(whole.slice(start, size), morphology="all")
            for start in range(0, len(clean), size)
        ]
        assert pa.Table.from_batches(parts).combine_chunks().equals(pa.Table.from_batches([scored]))

    def test_html_is_read_where_it_is(self) -> None:
        page = f"<title>日記</title><main><p>{DIARY}</p></main><nav><a href=/>表紙</a></nav>"
        batch = html_documents([page])
        assert [seen.head for seen in features(batch)] == ["html"]
        assert [seen.head for seen in features(documents([DIARY]))] == ["text"]

    def test_adult_is_judged_by_the_whole_text_with_html_too(self, bundle: Bundle) -> None:
        batch = html_documents([f"<p>{RANKING}</p><nav>{MENU}</nav>"])
        whole = documents(batch["page_text"].to_pylist())
        assert bundle.score(batch)["adult"].equals(bundle.score(whole)["adult"])
        assert not bundle.score(batch)["noise"].equals(bundle.score(whole)["noise"])

    def test_an_input_of_null_facts_is_scored_by_its_text(self, bundle: Bundle) -> None:
        batch = html_documents([f"<p>{DIARY}</p>"])
        unread = batch.set_column(
            batch.schema.get_field_index("link_share"), "link_share", pa.nulls(1, pa.float32())
        )
        assert [seen.head for seen in features(unread)] == ["text"]
        assert bundle.score(unread).num_rows == 1


@cache
def by_name() -> fugashi.GenericTagger:
    """A tagger that takes each word's part of speech from its features."""
    dictionary = unidic_lite.DICDIR
    return fugashi.GenericTagger(
        f'-d "{dictionary}" -r "{dictionary}/dicrc" -O "" -F%f[0], -U%f[0], -E ""'
    )


class TestMorphology:
    def test_is_done_for_all_for_none_or_for_the_uncertain(self, bundle: Bundle) -> None:
        batch = documents([DIARY * 3, RANKING, MENU])
        assert bundle.score(batch, morphology="none")["noun_share"].null_count == 3
        everything = bundle.score(batch, morphology="all")
        assert everything["noun_share"].null_count == 0
        for name in CLASSES:
            assert bundle.score(batch)[name].equals(everything[name])

    def test_tells_a_menu_from_prose(self) -> None:
        menu, diary = noun_share(MENU), noun_share(DIARY)
        assert menu is not None
        assert diary is not None
        assert menu > 0.6 > diary

    @settings(max_examples=50, deadline=None)
    @given(
        st.text(
            st.sampled_from("母と近所の公園をＡab12１α㍿♪「、。 　\n\0ヴ々😀𠮟")
            | st.characters(exclude_categories=["Cs"]),
            max_size=60,
        )
    )
    @example(RANKING)
    @example("αβγ Ωmega ﾊﾝｶｸ ①②③ ㌔ 𠮷野家 ŁÓDŹ\u200b†…")
    def test_parts_of_speech_are_those_that_the_dictionary_names(self, text: str) -> None:
        named = by_name().parse(text.replace("\0", " ")).split(",")[:-1]
        assert parts_of_speech(text) == named
        words = [name for name in named if name not in {"補助記号", "記号", "空白"}]
        assert noun_share(text) == (words.count("名詞") / len(words) if words else None)

    def test_long_text_is_read_to_its_end(self) -> None:
        short, long = noun_share(DIARY), noun_share(DIARY * 1500)
        assert short is not None
        assert long == pytest.approx(short, abs=0.01)


class TestBundle:
    def test_is_small_and_holds_no_pickle(self, bundle: Bundle) -> None:
        folder = Path(__file__).parents[1] / "classifiers" / "models" / bundle.name
        assert {path.suffix for path in folder.iterdir()} == {".json", ".npz"}
        assert sum(path.stat().st_size for path in folder.iterdir()) < 8_000_000

    def test_a_changed_file_is_refused(self, bundle: Bundle, tmp_path: Path) -> None:
        copy = copied(bundle, tmp_path)
        data = bytearray((copy / "html.npz").read_bytes())
        data[1000] ^= 1
        (copy / "html.npz").write_bytes(bytes(data))
        with pytest.raises(BundleError, match="changed"):
            load(str(copy))

    def test_a_missing_file_is_named(self, bundle: Bundle, tmp_path: Path) -> None:
        copy = copied(bundle, tmp_path)
        (copy / "text.npz").unlink()
        with pytest.raises(BundleError, match=r"text\.npz"):
            load(str(copy))

    def test_other_features_and_other_forms_are_refused(
        self, bundle: Bundle, tmp_path: Path
    ) -> None:
        copy = copied(bundle, tmp_path)
        for change in ({"format": 1}, {"features": {"html": [], "text": []}}):
            written = {**bundle.manifest, **change}
            (copy / "manifest.json").write_text(json.dumps(written), encoding="utf-8")
            with pytest.raises(BundleError, match="train it again"):
                load(str(copy))

    def test_garbage_for_a_manifest_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
        with pytest.raises(BundleError, match="not JSON"):
            load(str(tmp_path))

    def test_says_what_it_was_made_from(self, bundle: Bundle) -> None:
        assert set(bundle.thresholds) == set(CLASSES)
        assert bundle.manifest["labels"]["classes"].keys() == set(CLASSES)
        assert bundle.manifest["features"]["html"] == list(DENSE["html"])


def copied(bundle: Bundle, folder: Path) -> Path:
    source = Path(__file__).parents[1] / "classifiers" / "models" / bundle.name
    return Path(shutil.copytree(source, folder / bundle.name))


def label(site: str, owner: str = "", *truth: bool, page: int = 0, **more: Any) -> Label:
    known: dict[str, Any] = {
        "url": f"https://{site}/{page}",
        "second": None,
        "hard_negative": frozenset(),
        "genre": "",
        "confidence": "high",
        "language": "ja",
    }
    return Label(site=site, owner=owner or site, truth=truth or (False,) * 3, **known | more)


class TestLabels:
    def test_pages_of_one_owner_are_never_split(self) -> None:
        listed = [label(f"site{n % 7}.jp", f"owner{n % 7 // 2}", page=n) for n in range(40)]
        fold, group = folds(listed, 3), groups(listed)
        assert len(set(group.tolist())) == 4
        for number in set(group.tolist()):
            assert len(set(fold[group == number].tolist())) == 1

    def test_synthetic_pages_are_in_no_fold(self) -> None:
        listed = [label(f"s{n}.jp", synthetic=n % 3 == 0) for n in range(9)]
        fold = folds(listed, 3)
        assert (fold[::3] == IN_NO_FOLD).all()
        assert sorted(set(fold.tolist()) - {IN_NO_FOLD}) == [0, 1, 2]

    def test_a_shared_site_joins_two_owners(self) -> None:
        assert len(set(groups([label("a", "x"), label("a", "y"), label("b", "y")]).tolist())) == 1

    def test_tables_of_three_forms_read_alike(self, tmp_path: Path) -> None:
        row = {"url": "https://a.jp/", "site": "a", "owner": "o", "noise": "1", "affiliate": "0"}
        row |= {"adult": "0", "audit": "100", "confidence": "mid", "hard_negative": "adult"}
        tsv, jsonl, parquet = (tmp_path / f"l.{end}" for end in ("tsv", "jsonl", "parquet"))
        tsv.write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n", encoding="utf-8")
        jsonl.write_text(json.dumps(row) + "\n", encoding="utf-8")
        pq.write_table(pa.Table.from_pylist([row]), parquet)
        read = [read_labels(str(path)) for path in (tsv, jsonl, parquet)]
        assert read[0] == read[1] == read[2]
        assert read[0][0].truth == (True, False, False)
        assert read[0][0].agreed(0)

    def test_a_row_without_a_label_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "l.jsonl").write_text('{"url": "https://a.jp/", "noise": 2}\n')
        with pytest.raises(InputError, match="row 1"):
            read_labels(str(tmp_path / "l.jsonl"))

    def test_are_counted_by_page_site_and_owner(self) -> None:
        counted = summary([label("a", "x", True, False, False), label("b", "x", page=1)])
        assert (counted["pages"], counted["sites"], counted["owners"]) == (2, 2, 1)
        assert counted["classes"]["noise"]["pages"] == 1


class TestMeasures:
    TRUTH = np.array([True, True, False, False])

    def test_a_perfect_order_has_all_the_area(self) -> None:
        assert average_precision(self.TRUTH, np.array([0.9, 0.8, 0.2, 0.1])) == 1
        assert math.isnan(average_precision(self.TRUTH & False, np.ones(4)))

    def test_precision_and_recall_by_hand(self) -> None:
        flagged = np.array([True, False, True, False])
        assert precision_recall_f1(self.TRUTH, flagged) == (0.5, 0.5, 0.5)

    def test_a_precision_out_of_reach_flags_nothing(self) -> None:
        wrong = np.array([0.1, 0.2, 0.8, 0.9])
        assert threshold_at_precision(self.TRUTH, wrong, 0.99) == (1.0, 0.0)

    def test_chances_that_keep_their_word_have_no_calibration_error(self) -> None:
        truth = np.arange(1000) % 10 < 3
        assert calibration_error(truth, np.full(1000, 0.3)) == pytest.approx(0, abs=1e-9)
        assert brier(truth, np.full(1000, 0.3)) == pytest.approx(0.21)

    def test_an_interval_is_drawn_over_sites(self) -> None:
        values, group = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1])
        low, high = interval_over_groups(lambda rows: float(values[rows].mean()), group)
        assert (low, high) == (0.0, 1.0)

    def test_figures_count_hard_negatives_and_leave_low_confidence_out(self) -> None:
        listed = [
            label("a", "", True, False, False, second=(True, False, False)),
            label("b", "", False, False, False, hard_negative=frozenset({"noise"})),
            label("c", "", False, False, False, confidence="low"),
        ]
        said = np.array([[0.9, 0, 0], [0.7, 0, 0], [0.2, 0, 0]])
        judged = Judged(listed, said, np.array([True, True, False]), np.array([10, 10, 10]))
        figures = evaluate(judged, dict.fromkeys(CLASSES, 0.5))["classes"]["noise"]
        assert figures["high_mid"]["pages"] == 2
        assert figures["high_mid"]["precision"] == 0.5
        assert figures["both_agree"]["pages"] == 1
        assert (figures["hard_negatives"]["pages"], figures["hard_negatives"]["flagged"]) == (1, 1)
        assert any(
            "hard negatives" in line
            for line in as_text(evaluate(judged, dict.fromkeys(CLASSES, 0.5)))
        )


class TestTraining:
    def test_learns_what_sites_share_and_says_how_well(self) -> None:
        pages, listed = [], []
        for site in range(12):
            for page in range(3):
                affiliate, noise = site % 3 == 0, site % 3 == 1
                body = RANKING if affiliate else MENU if noise else DIARY
                pages.append(f"<title>頁</title><p>{body}第{site}話の{page}。</p>")
                listed.append(
                    label(f"s{site}.jp", "", noise, affiliate, noise and site > 5, page=page)
                )
        batch = html_documents(pages)
        heads, manifest = train_bundle([(batch, listed)], Settings(min_groups=2, n_folds=3))
        assert set(heads) == {"html", "text"}
        figures = manifest["cross_validation"]["html"]["classes"]["affiliate"]["high_mid"]
        assert figures["average_precision"] > 0.99
        trained = Bundle("t", "0" * 16, manifest, heads)
        found = trained.chances(documents([RANKING, DIARY]))
        assert found[0, 1] > found[1, 1]

    def test_synthetic_pages_train_what_they_say_and_are_never_judged(self) -> None:
        pages = [f"<p>{RANKING if site % 3 else DIARY}第{site}話。</p>" for site in range(9)]
        sites = [label(f"s{site}.jp", "", False, bool(site % 3), False) for site in range(9)]
        pages += [f"<p>{RANKING}第{page}回。</p>" for page in range(6)]
        written = [
            label(f"w{page}", synthetic=True, known=(True, True, False)) for page in range(6)
        ]
        settings = Settings(min_groups=2, n_folds=3, synthetic_weight=1)
        found, counted = [], []
        for labels in (sites, [*sites, *written]):
            batch = html_documents(pages[: len(labels)])
            heads, manifest = train_bundle([(batch, labels)], settings)
            bundle = Bundle("t", "0" * 16, manifest, heads)
            found.append(bundle.chances(documents([RANKING]))[0])
            classes = manifest["cross_validation"]["html"]["classes"]
            counted.append((manifest["labels"], classes["affiliate"]["high_mid"]["pages"]))
        assert found[1][1] < found[0][1]  # they call such a page no affiliate page
        assert found[1][2] == found[0][2]  # and say nothing of adult ones
        assert counted[0] == counted[1]
        assert manifest["synthetic"]["pages"] == 6

    def test_needs_pages_that_were_not_written_for_it(self) -> None:
        batch = html_documents([f"<p>{DIARY}</p>"])
        with pytest.raises(RunError, match="written"):
            train_bundle([(batch, [label("a", synthetic=True)])], Settings())

    def test_needs_pages_read_from_html(self) -> None:
        with pytest.raises(RunError, match="HTML"):
            train_bundle([(documents([DIARY]), [label("a")])], Settings())


class TestExplain:
    def test_votes_name_what_stands_in_the_text(self, bundle: Bundle) -> None:
        folded = "".join(map(chr, code_points(RANKING).tolist()))
        heard = [vote for vote in votes(bundle, RANKING, 1) if vote.span]
        assert heard
        for vote in heard:
            assert vote.span is not None
            assert folded[slice(*vote.span)] == vote.evidence
        assert list(ngram_votes(bundle, RANKING, 1)) == heard

    def test_says_the_chance_that_score_gives(self, bundle: Bundle) -> None:
        said = chances(bundle, RANKING)["affiliate"]
        assert f"affiliate: {said:.3f}" in list(explain(bundle, RANKING))


class TestAblation:
    def test_each_row_differs_from_the_shipped_settings_in_one_thing(self) -> None:
        shipped = Settings()
        for name, row in [*html_rows(), *text_rows()]:
            judged = [known for known in CLASSES if row.view_units[known]]
            views = any(row.view_units[known] != shipped.view_units[known] for known in judged)
            dense = any(row.dense_units[known] != shipped.dense_units[known] for known in judged)
            assert judged
            assert views + dense == (0 if "as shipped" in name else 1), name
