"""What the classifiers read of a page's title and address, and that they never need them."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.address import path_of
from classifiers.bundle import Bundle, load
from classifiers.explain import explain_page
from classifiers.features import NAMES, VIEWS, by_page_text, features, nameless
from classifiers.labels import CLASSES, Doubt, Label
from classifiers.train import TEXT_FORMS, Settings, train_bundle
from pipeline.html import extract
from schemas import PAGE_FACTS

EXCERPTS = (
    "庭の梅が咲いた\n2023年2月14日\n朝、雨戸を開けると白い花がひとつだけ開いていた。母に知らせると…\n"
    "味噌を仕込む\n2023年1月29日\n大豆を一晩水につけて、朝から煮る。指でつぶれるまで四時間ほど…\n"
    "初詣の帰り道\n2023年1月3日\n参道の茶屋で甘酒を飲んだ。湯気で眼鏡がくもって、妹に笑われた…\n"
)
TAG, POST = "https://niwa.example.jp/tags/暮らし/", "https://niwa.example.jp/2023/02/14/ume.html"
RANKING_TITLE = "【2023年最新】味噌メーカーおすすめ比較ランキング10選"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load()


def document(text: str, title: str | None = None, url: str | None = None) -> pa.RecordBatch:
    """A document without HTML."""
    row = {"id": "0" * 32, "title": title, "url": url, "text": text, "page_text": None}
    return pa.RecordBatch.from_pylist(
        [row], schema=pa.schema([(name, pa.string()) for name in row])
    )


def html_document(body: str, title: str, url: str) -> pa.RecordBatch:
    """A document with the facts of its HTML."""
    html = f"<title>{title}</title><main><p>{body}</p></main>"
    page = extract(html, url)
    row: dict[str, object] = {"id": "0" * 32, "title": title, "url": url, "text": page.text}
    row |= {"page_text": page.page_text, **page.facts, "html_bytes": len(html.encode())}
    names = [pa.field(name, pa.string()) for name in ("id", "title", "url", "text", "page_text")]
    schema = pa.schema([*names, *(fact.arrow for fact in PAGE_FACTS)])
    return pa.RecordBatch.from_pylist([row], schema=schema)


def chance(bundle: Bundle, name: str, batch: pa.RecordBatch) -> float:
    return float(bundle.chances(batch)[0, CLASSES.index(name)])


class TestPath:
    @pytest.mark.parametrize("url", [None, "", "http://[", "https://example.jp"])
    def test_is_empty_where_there_is_none(self, url: str | None) -> None:
        assert not path_of(url)

    def test_is_the_same_on_every_host(self) -> None:
        paths = {path_of(f"https://{host}/日記/?p=3") for host in ("a.example", "b.example.jp")}
        assert paths == {"/日記/?p"}

    @given(st.text())
    def test_is_read_of_anything(self, url: str) -> None:
        assert len(path_of(f"https://example.jp/{url}")) >= 0


class TestNames:
    def test_a_tag_page_is_more_noise_than_a_post_of_the_same_text(self, bundle: Bundle) -> None:
        tagged, posted = (document(EXCERPTS, url=url) for url in (TAG, POST))
        assert chance(bundle, "noise", tagged) > chance(bundle, "noise", posted)

    def test_with_html_too(self, bundle: Bundle) -> None:
        tagged, posted = (html_document(EXCERPTS, "庭日記", url) for url in (TAG, POST))
        assert chance(bundle, "noise", tagged) > chance(bundle, "noise", posted)

    def test_a_title_speaks_for_an_affiliate_page(self, bundle: Bundle) -> None:
        ranked, told = (
            document(EXCERPTS, title=title) for title in (RANKING_TITLE, "味噌を仕込む")
        )
        assert chance(bundle, "affiliate", ranked) > chance(bundle, "affiliate", told)

    def test_adult_pages_are_told_without_them(self, bundle: Bundle) -> None:
        named = document(EXCERPTS, RANKING_TITLE, TAG)
        assert chance(bundle, "adult", named) == chance(bundle, "adult", document(EXCERPTS))

    def test_columns_that_are_null_or_missing_score_alike(self, bundle: Bundle) -> None:
        null = document(EXCERPTS)
        missing = null.select(["id", "text", "page_text"])
        assert bundle.score(null).equals(bundle.score(missing))

    def test_a_page_can_be_seen_without_them(self) -> None:
        (page,) = features(html_document(EXCERPTS, "庭日記", TAG))
        bare = nameless(by_page_text(page))
        assert [len(view.buckets) for view in page.views[-len(NAMES) :]] != [0, 0]
        assert [len(view.buckets) for view in bare.views[1:]] == [0, 0]
        assert bare.views[0] is page.views[0]
        assert len(bare.views) == len(VIEWS["text"])

    def test_explaining_names_what_stands_in_the_address(self, bundle: Bundle) -> None:
        lines = list(explain_page(bundle, html_document(EXCERPTS, "庭日記", TAG)))
        assert any(" at path " in line for line in lines)


def labelled(site: int) -> Label:
    """A label of a page of its own site: every third is noise, every third an affiliate page."""
    host = f"s{site}.example.jp"
    return Label(
        url=f"https://{host}/{'tags' if site % 3 else 'post'}/{site}",
        site=host,
        owner=host,
        truth=(site % 3 == 1, site % 3 == 2, False),
        second=None,
        hard_negative=frozenset(),
        genre="",
        confidence="high",
        language="ja",
    )


class TestWhatTrainingRecords:
    def test_slices_by_commission_links_and_figures_without_doubted_labels(self) -> None:
        labels = [labelled(site) for site in range(9)]
        pages = [
            (html_document(f"{EXCERPTS}第{site}話。", "庭日記", of_page.url), [of_page])
            for site, of_page in enumerate(labels)
        ]
        doubts = [Doubt(labels[1].url, "noise", True, False, "話の続き")]
        _, manifest = train_bundle(pages, Settings(min_groups=2, n_folds=3), doubts)
        classes = manifest["cross_validation"]["html"]["classes"]
        assert classes["affiliate"]["slices"]["commission links none"]["positive"] == 3
        assert classes["noise"]["high_mid"]["pages"] == 9
        assert classes["noise"]["high_mid_undoubted"]["pages"] == 8
        assert manifest["cross_validation"].keys() == {"html", *TEXT_FORMS}
        assert manifest["calibrated_by"] == "Platt"
