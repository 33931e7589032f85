"""The rules: what is judged, where the line is, why, and what it costs.

What stands here is judged on text alone. Extraction drops nothing: every failing rule becomes a
flag, and a recipe says which flags drop; `default` is what the recipe of that name does. Shares
of clean pages in `cost` were counted on the labelled crawl by `bench/rules.py hits`.
"""

from pipeline.rules.rule import Rule

HOJICHAR = "HojiChar"
LLM_JP = "llm-jp-corpus v1"
SWALLOW = "Swallow corpus v1 (arXiv 2404.17733)"
UZUSHIO = "uzushio, pipeline 03a (LLM-jp v2)"
FINEWEB2 = "FineWeb-2, jpn_Jpan"
SEIMAI = "seimai, on the labelled crawl"

_LENGTH = (
    Rule(
        name="stub_v1",
        metric="n_chars",
        fails_if="below",
        threshold=100,
        default="drop",
        source=f"{UZUSHIO}: its ladder begins at 50 and goes on at 200",
        why="Placeholders, error pages and pages whose text was not found hold a line or two.",
        cost="1 % of clean pages, poems and notices among them; 32 % of noise.",
        examples="""
            >>> fails("stub_v1", ESSAY)
            False
            >>> fails("stub_v1", "ただいま準備中です。しばらくお待ちください。")
            True
            >>> fails("stub_v1", POEM)
            True
        """,
    ),
    Rule(
        name="short_v1",
        metric="n_chars",
        fails_if="below",
        threshold=200,
        default="flag",
        source=f"{UZUSHIO}: the second step of its ladder",
        why="Under 200 characters there is rarely a whole thought.",
        cost="7 % of clean pages: short diary entries, recipes, news in brief.",
        examples="""
            >>> fails("short_v1", ESSAY)
            False
            >>> fails("short_v1", "本日の営業は終了しました。" * 10)
            True
            >>> fails("short_v1", "大根は薄切りにし、塩をふって十分おく。柚子と和える。")
            True
        """,
    ),
    Rule(
        name="brief_v1",
        metric="n_chars",
        fails_if="below",
        threshold=400,
        default="flag",
        source=f"{SWALLOW}: 400 letters at least",
        why="Swallow's lower bound; a strict recipe may want it.",
        cost="16 % of clean pages.",
        examples="""
            >>> fails("brief_v1", ESSAY)
            False
            >>> fails("brief_v1", MENU)
            True
            >>> fails("brief_v1", ESSAY[:350])
            True
        """,
    ),
    Rule(
        name="few_japanese_chars_v1",
        metric="japanese_chars",
        fails_if="below",
        threshold=400,
        default="flag",
        source=f"{SWALLOW}: 400 Japanese letters at least",
        why="Length alone is reached by code, tables and English.",
        cost="About 30 % of clean pages, technical ones above all.",
        examples="""
            >>> fails("few_japanese_chars_v1", ESSAY)
            False
            >>> fails("few_japanese_chars_v1", TIMETABLE * 10)
            True
            >>> fails("few_japanese_chars_v1", CODE * 3)
            True
        """,
    ),
)

_SCRIPT = (
    Rule(
        name="foreign_v1",
        metric="japanese_share",
        fails_if="below",
        threshold=0.3,
        default="flag",
        source=f"{SEIMAI}: under Swallow's 0.5, which hits a fifth of them",
        why="Little of it is written in Japanese letters.",
        cost=(
            "A tenth of clean pages: manuals with code and pages in two languages. It hits as many "
            "clean pages as noise, so the default recipe leaves language to `ja_score`."
        ),
        examples="""
            >>> fails("foreign_v1", ESSAY)
            False
            >>> fails("foreign_v1", "Click here to read more. 続きを読む")
            True
            >>> fails("foreign_v1", CODE)
            True
        """,
    ),
    Rule(
        name="mostly_foreign_v1",
        metric="japanese_share",
        fails_if="below",
        threshold=0.5,
        default="flag",
        source=f"{SWALLOW}: Japanese letters at least 0.5",
        why="Half of the letters are not Japanese.",
        cost="A fifth of clean pages, technical ones above all.",
        examples="""
            >>> fails("mostly_foreign_v1", ESSAY)
            False
            >>> fails("mostly_foreign_v1", "Twitter Facebook Instagram 共有")
            True
            >>> fails("mostly_foreign_v1", "設定はsettings.jsonのeditor.tabSizeで変えられます。")
            True
        """,
    ),
    Rule(
        name="no_hiragana_v1",
        metric="hiragana_of_japanese",
        fails_if="below",
        threshold=0.05,
        default="flag",
        source=f"{SEIMAI}: a quarter of Swallow's 0.2",
        why="Particles and endings are written in hiragana: without them there are no sentences.",
        cost=(
            "1.3 % of clean pages: classical texts in kanji, old official prose in katakana. "
            "Counted among all characters it would be 4.6 %, since code would count against a page."
        ),
        examples="""
            >>> fails("no_hiragana_v1", ESSAY)
            False
            >>> fails("no_hiragana_v1", CATALOGUE)
            True
            >>> fails("no_hiragana_v1", "國破山河在 城春草木深 感時花濺涙 恨別鳥驚心")
            True
        """,
    ),
    Rule(
        name="little_hiragana_v1",
        metric="hiragana_share",
        fails_if="below",
        threshold=0.10,
        default="flag",
        source=f"{UZUSHIO}: the first step",
        why="Headings, menus and tables with a few particles between.",
        cost="10 % of clean pages: code, laws, statistics.",
        examples="""
            >>> fails("little_hiragana_v1", ESSAY)
            False
            >>> fails("little_hiragana_v1", MENU)
            True
            >>> fails("little_hiragana_v1", "第一条 本規程ハ職員ノ給与ニ関スル事項ヲ定ム。")
            True
        """,
    ),
    Rule(
        name="low_hiragana_v1",
        metric="hiragana_share",
        fails_if="below",
        threshold=0.15,
        default="flag",
        source=f"{UZUSHIO}: the second step",
        why="As above, for strict recipes.",
        cost="16 % of clean pages.",
        examples="""
            >>> fails("low_hiragana_v1", ESSAY)
            False
            >>> fails("low_hiragana_v1", "新着商品一覧 送料無料 即日発送 お買い得")
            True
            >>> fails("low_hiragana_v1", "三月期決算 純利益二割増 百億円と発表")
            True
        """,
    ),
    Rule(
        name="kanji_heavy_v1",
        metric="hiragana_of_japanese",
        fails_if="below",
        threshold=0.2,
        default="flag",
        source=f"{SWALLOW}: hiragana at least 0.2 of the Japanese letters",
        why="As little hiragana, without counting code and figures against a page.",
        cost="4 % of clean pages: encyclopaedic lists, addresses, legal titles.",
        examples="""
            >>> fails("kanji_heavy_v1", ESSAY)
            False
            >>> fails("kanji_heavy_v1", CATALOGUE)
            True
            >>> fails("kanji_heavy_v1", "徳川家康は江戸幕府初代征夷大将軍、三河国岡崎出身。")
            True
        """,
    ),
    Rule(
        name="katakana_heavy_v1",
        metric="katakana_of_japanese",
        fails_if="above",
        threshold=0.5,
        default="flag",
        source=f"{SWALLOW}: katakana at most 0.5 of the Japanese letters",
        why="Product names and tags in a row; catalogues translated by machine.",
        cost="2 % of clean pages: lists of foreign names, release notes.",
        examples="""
            >>> fails("katakana_heavy_v1", ESSAY)
            False
            >>> fails("katakana_heavy_v1", "レディース ワンピース スカート バッグ シューズ")
            True
            >>> fails("katakana_heavy_v1", "デフォルトブラウザーのキャッシュをクリアしてください。")
            True
        """,
    ),
    Rule(
        name="no_kana_at_start_v1",
        metric="kana_at_start",
        fails_if="below",
        threshold=1,
        default="flag",
        source=f"{HOJICHAR}: Japanese if there are kana in the first 50 characters",
        why="The cheapest test of Japanese; kept for recipes that follow HojiChar or LLM-jp v1.",
        cost="7 % of clean pages: a page that begins with a name, a date or code.",
        examples="""
            >>> fails("no_kana_at_start_v1", ESSAY)
            False
            >>> fails("no_kana_at_start_v1", "2024-03-01 12:00:00 INFO server started")
            True
            >>> fails("no_kana_at_start_v1", "Kyoto Travel Notes, Vol. 12 (2024) " * 2 + ESSAY)
            True
        """,
    ),
    Rule(
        name="symbols_v1",
        metric="special_share",
        fails_if="above",
        threshold=0.4,
        default="flag",
        source=f"{HOJICHAR}: special characters at most 0.4",
        why="Rows of figures, rules drawn with symbols, pictures made of letters.",
        cost="1 % of clean pages: statistics, formulas, dense code.",
        examples="""
            >>> fails("symbols_v1", ESSAY)
            False
            >>> fails("symbols_v1", "★☆★☆ セール ★☆★☆ 50%OFF!!! ★☆★☆")
            True
            >>> fails("symbols_v1", TIMETABLE)
            True
        """,
    ),
    Rule(
        name="character_run_v1",
        metric="longest_run",
        fails_if="above",
        threshold=199,
        default="drop",
        source=f"{HOJICHAR}: 200 of one character in a row",
        why="Broken output, bait for search engines, screams: a model learns to never stop.",
        cost="Under 0.1 % of clean pages: a rule of 200 hyphens between two parts of a log.",
        examples="""
            >>> fails("character_run_v1", ESSAY)
            False
            >>> fails("character_run_v1", "あ" * 300)
            True
            >>> fails("character_run_v1", ESSAY + "-" * 200 + ESSAY)
            True
        """,
    ),
)

_LINES = (
    Rule(
        name="short_lines_v1",
        metric="short_line_share",
        fails_if="above",
        threshold=0.5,
        default="flag",
        source=f"{HOJICHAR}: at most half of the lines with 10 characters or fewer",
        why="Menus, tag clouds and tables come out as many short lines.",
        cost="5 % of clean pages: poems, lyrics, chats, glossaries.",
        examples="""
            >>> fails("short_lines_v1", ESSAY)
            False
            >>> fails("short_lines_v1", MENU)
            True
            >>> fails("short_lines_v1", POEM)
            True
        """,
    ),
    Rule(
        name="narrow_lines_v1",
        metric="mean_line_chars",
        fails_if="below",
        threshold=10,
        default="flag",
        source="HPLT: fewer than 10 characters a line on average",
        why="The same, where a few long lines do not hide the many short ones.",
        cost="1 % of clean pages, verse above all.",
        examples="""
            >>> fails("narrow_lines_v1", ESSAY)
            False
            >>> fails("narrow_lines_v1", MENU)
            True
            >>> fails("narrow_lines_v1", POEM)
            True
        """,
    ),
    Rule(
        name="unpunctuated_lines_v1",
        metric="punctuated_line_share",
        fails_if="below",
        threshold=0.096,
        default="flag",
        source=f"{FINEWEB2}: line_punct_thr 0.096",
        why="Lines of running text end in 。; headings, links and table cells do not.",
        cost="13 % of clean pages: references, code, recipes whose steps end without 。.",
        examples="""
            >>> fails("unpunctuated_lines_v1", ESSAY)
            False
            >>> fails("unpunctuated_lines_v1", CATALOGUE)
            True
            >>> fails("unpunctuated_lines_v1", "1. 玉ねぎを炒める\\n2. 水で煮る\\n3. 味噌を溶く")
            True
        """,
    ),
    Rule(
        name="repeated_lines_v1",
        metric="duplicate_line_share",
        fails_if="above",
        threshold=0.30,
        default="flag",
        source=f"{SWALLOW}, after Gopher",
        why="Listings repeat their buttons and labels for every entry.",
        cost="3 % of clean pages: references and tables with equal cells.",
        examples="""
            >>> fails("repeated_lines_v1", ESSAY)
            False
            >>> fails("repeated_lines_v1", "詳細を見る\\nカートに入れる\\n" * 5)
            True
            >>> fails("repeated_lines_v1", "戻り値\\n整数\\n例外\\nなし\\n戻り値\\n整数\\n例外")
            True
        """,
    ),
    Rule(
        name="repeated_line_chars_v1",
        metric="duplicate_line_char_share",
        fails_if="above",
        threshold=0.20,
        default="flag",
        source=f"{SWALLOW}, after Gopher",
        why="The same, weighed by length: whole paragraphs that come twice.",
        cost="3 % of clean pages: quoted mails, songs with a refrain.",
        examples="""
            >>> fails("repeated_line_chars_v1", ESSAY)
            False
            >>> fails("repeated_line_chars_v1", ESSAY + "\\n" + ESSAY)
            True
            >>> fails("repeated_line_chars_v1", "夏の日に歩いた道\\n遠い空\\n夏の日に歩いた道")
            True
        """,
    ),
)

_SENTENCES = (
    Rule(
        name="short_sentences_v1",
        metric="mean_sentence_chars",
        fails_if="below",
        threshold=20,
        default="flag",
        source=f"{SWALLOW}: mean length of a sentence from 20 to 90",
        why="A line without 。 counts as a sentence, so lists and menus come out short.",
        cost="13 % of clean pages: dialogue, diaries in a spoken tone, reference tables.",
        examples="""
            >>> fails("short_sentences_v1", ESSAY)
            False
            >>> fails("short_sentences_v1", MENU)
            True
            >>> fails("short_sentences_v1", "「行くの？」\\n母は黙った。\\n雨が強くなった。")
            True
        """,
    ),
    Rule(
        name="long_sentences_v1",
        metric="mean_sentence_chars",
        fails_if="above",
        threshold=90,
        default="flag",
        source=f"{SWALLOW}: mean length of a sentence from 20 to 90",
        why="Keywords strung together, or text whose line ends were lost.",
        cost="2 % of clean pages: laws, judgments, classical prose.",
        examples="""
            >>> fails("long_sentences_v1", ESSAY)
            False
            >>> fails("long_sentences_v1", "東京の不用品回収と遺品整理と粗大ごみの引取なら" * 5)
            True
            >>> fails("long_sentences_v1", "前項の者は、" + "その者の子、" * 15 + "とする。")
            True
        """,
    ),
    Rule(
        name="endless_sentence_v1",
        metric="max_sentence_chars",
        fails_if="above",
        threshold=200,
        default="flag",
        source=f"{SWALLOW}: no sentence over 200",
        why="One stretch of 200 characters without an end is often a keyword list or lost layout.",
        cost="11 % of clean pages: long articles need only one such sentence, or a line of code.",
        examples="""
            >>> fails("endless_sentence_v1", ESSAY)
            False
            >>> fails("endless_sentence_v1", ESSAY + "\\n" + "横浜 川崎 千葉 大宮 " * 20)
            True
            >>> fails("endless_sentence_v1", ESSAY + "\\nhttps://example.jp/?" + "key=value&" * 21)
            True
        """,
    ),
    Rule(
        name="few_kuten_v1",
        metric="chars_per_kuten",
        fails_if="above",
        threshold=100,
        default="flag",
        source=f"{HOJICHAR}: at most 100 characters for each 。",
        why="Running text has a 。 every 30 to 60 characters.",
        cost="28 % of clean pages: technical texts, and diaries that end lines without 。.",
        examples="""
            >>> fails("few_kuten_v1", ESSAY)
            False
            >>> fails("few_kuten_v1", CATALOGUE * 3)
            True
            >>> fails("few_kuten_v1", "今日はとても楽しかった！また行きたいな♪\\n" * 6)
            True
        """,
    ),
    Rule(
        name="rare_kuten_v1",
        metric="chars_per_kuten",
        fails_if="above",
        threshold=250,
        default="flag",
        source=f"{LLM_JP}: at most 250 characters for each 。",
        why="The same with more patience.",
        cost="11 % of clean pages: references with much code.",
        examples="""
            >>> fails("rare_kuten_v1", ESSAY)
            False
            >>> fails("rare_kuten_v1", CATALOGUE * 6)
            True
            >>> fails("rare_kuten_v1", "今日はとても楽しかった！また行きたいな♪\\n" * 15)
            True
        """,
    ),
    Rule(
        name="ellipses_v1",
        metric="ellipsis_share",
        fails_if="above",
        threshold=0.2,
        default="flag",
        source=f"{SWALLOW}: at most 0.2 of the sentences",
        why="Excerpts of feeds and of search results break off in ….",
        cost="Under 1 % of clean pages: dialogue in fiction, hesitant diaries.",
        examples="""
            >>> fails("ellipses_v1", ESSAY)
            False
            >>> fails("ellipses_v1", "春の新作を見てきました…\\n駅前に新しい店が…\\n続きを読む")
            True
            >>> fails("ellipses_v1", "返事はなかった……。\\n時計の音だけが響く……。\\n彼は帰った。")
            True
        """,
    ),
    Rule(
        name="repeated_sentences_v1",
        metric="duplicate_sentence_share",
        fails_if="above",
        threshold=0.30,
        default="flag",
        source=f"{SWALLOW}, after Gopher",
        why="Templates say the same of every place or product.",
        cost="3 % of clean pages: references, forms, litanies.",
        examples="""
            >>> fails("repeated_sentences_v1", ESSAY)
            False
            >>> fails("repeated_sentences_v1", "口コミを見る。予約する。" * 4)
            True
            >>> fails("repeated_sentences_v1", "雨が降る。風が吹く。雨が降る。人は黙る。雨が降る。")
            True
        """,
    ),
    Rule(
        name="repeated_sentence_chars_v1",
        metric="duplicate_sentence_char_share",
        fails_if="above",
        threshold=0.20,
        default="flag",
        source=f"{SWALLOW}, after Gopher",
        why="The same, weighed by length.",
        cost="4 % of clean pages: manuals that repeat a warning at every step.",
        examples="""
            >>> fails("repeated_sentence_chars_v1", ESSAY)
            False
            >>> fails("repeated_sentence_chars_v1", ESSAY * 2)
            True
            >>> fails("repeated_sentence_chars_v1", "電源を切ってから作業する。蓋を外す。" * 2)
            True
        """,
    ),
)


def _commonest(n: int, threshold: float) -> Rule:
    return Rule(
        name=f"top_{n}gram_v1",
        metric=f"top_{n}gram_share",
        fails_if="above",
        threshold=threshold,
        default="flag",
        source=f"{SWALLOW}, after Gopher, in characters",
        why=f"One row of {n} characters fills the text: laughter, rules, a keyword.",
        cost="0.3 % of clean pages: very short texts, drawings in characters.",
        examples=f"""
            >>> fails("top_{n}gram_v1", ESSAY)
            False
            >>> fails("top_{n}gram_v1", "わらわらわらわらわらわらわらわらわらわらわら")
            True
            >>> fails("top_{n}gram_v1", "しとしとしとしと雨の音しとしとしとしとしと")
            True
        """,
    )


def _repeated(n: int, threshold: float) -> Rule:
    return Rule(
        name=f"repeated_{n}grams_v1",
        metric=f"duplicate_{n}gram_share",
        fails_if="above",
        threshold=threshold,
        default="flag",
        source=f"{SWALLOW}, after Gopher, in characters",
        why="Templates and listings say the same again and again with small changes.",
        cost=(
            f"{'A third' if n == 5 else 'A quarter' if n < 8 else 'A fifth'} of clean pages, as "
            "many as of noise: it grows with length, and manuals repeat their terms."
        ),
        examples=f"""
            >>> fails("repeated_{n}grams_v1", ESSAY)
            False
            >>> fails("repeated_{n}grams_v1", "港区の水漏れの修理なら。北区の水漏れの修理なら。")
            True
            >>> fails("repeated_{n}grams_v1", "整数に変換した値を返す。実数に変換した値を返す。")
            True
        """,
    )


_REPETITION = (
    _commonest(2, 0.20),
    _commonest(3, 0.18),
    _commonest(4, 0.16),
    _repeated(5, 0.15),
    _repeated(6, 0.14),
    _repeated(7, 0.13),
    _repeated(8, 0.12),
    _repeated(9, 0.11),
    _repeated(10, 0.10),
    Rule(
        name="mostly_repeated_v1",
        metric="duplicate_10gram_share",
        fails_if="above",
        threshold=0.5,
        default="flag",
        source=f"{SEIMAI}: over half of the different 10-grams come again",
        why="Most of the text is there twice: a page holds itself again, or a filled template.",
        cost="0.5 % of clean pages: a text given twice on purpose, as print and as reading.",
        examples="""
            >>> fails("mostly_repeated_v1", ESSAY)
            False
            >>> fails("mostly_repeated_v1", ESSAY * 3)
            True
            >>> fails("mostly_repeated_v1", "「" + ESSAY + "」\\nもう一度読みます。\\n" + ESSAY)
            True
        """,
    ),
    Rule(
        name="incompressible_v1",
        metric="compression_ratio",
        fails_if="above",
        threshold=0.70,
        default="flag",
        source=f"{LLM_JP}: zlib ratio from 0.30 to 0.70",
        why="Text without any repetition is a list of words, or very short.",
        cost="6 % of clean pages, nearly all short: under 300 characters zlib has no chance.",
        examples="""
            >>> fails("incompressible_v1", ESSAY)
            False
            >>> fails("incompressible_v1", "鶴亀松竹梅桜菊蘭柳桐萩藤牡丹杜若芒紅葉")
            True
            >>> fails("incompressible_v1", "明日は午後から雨になるそうです。")
            True
        """,
    ),
    Rule(
        name="compressible_v1",
        metric="compression_ratio",
        fails_if="below",
        threshold=0.30,
        default="flag",
        source=f"{LLM_JP}: zlib ratio from 0.30 to 0.70",
        why="Templates and tables shrink to a third.",
        cost="5 % of clean pages: long references and logs.",
        examples="""
            >>> fails("compressible_v1", ESSAY)
            False
            >>> fails("compressible_v1", MENU * 5)
            True
            >>> fails("compressible_v1", ESSAY * 3)
            True
        """,
    ),
    Rule(
        name="copies_of_itself_v1",
        metric="compression_ratio",
        fails_if="below",
        threshold=0.10,
        default="drop",
        source=f"{SEIMAI}: far beyond any natural text",
        why="A few sentences copied without end.",
        cost="0.1 % of clean pages: a test file, a page of one repeated log line.",
        examples="""
            >>> fails("copies_of_itself_v1", ESSAY)
            False
            >>> fails("copies_of_itself_v1", "激安通販サイトはこちら。" * 100)
            True
            >>> fails("copies_of_itself_v1", "12:00 接続しました。異常はありません。\\n" * 100)
            True
        """,
    ),
)

_LINKS = (
    Rule(
        name="mostly_links_v1",
        metric="link_share",
        fails_if="above",
        threshold=0.8,
        default="flag",
        source=f"{UZUSHIO}: characters inside links at most 0.8",
        why="A page that consists of links: site maps, tag pages, link farms.",
        cost="2.5 % of clean pages: curated lists of links, contents pages; 15 % of noise.",
        examples="""
            >>> fails("mostly_links_v1", ESSAY, link_share=0.1)
            False
            >>> fails("mostly_links_v1", MENU, link_share=0.95)
            True
            >>> fails("mostly_links_v1", "郷土史の資料を年代順に集めました。", link_share=0.85)
            True
        """,
    ),
    Rule(
        name="many_links_v1",
        metric="link_share",
        fails_if="above",
        threshold=0.4,
        default="flag",
        source=f"{UZUSHIO}: the strict step, at most 0.4",
        why="Listings and portals.",
        cost="14 % of clean pages: short articles on sites with large menus; 47 % of noise.",
        examples="""
            >>> fails("many_links_v1", ESSAY, link_share=0.1)
            False
            >>> fails("many_links_v1", MENU, link_share=0.6)
            True
            >>> fails("many_links_v1", "目次と各章の要約です。", link_share=0.5)
            True
        """,
    ),
)

_WORDS = (
    Rule(
        name="adult_chars_v1",
        metric="adult_char_share",
        fails_if="above",
        threshold=0.05,
        default="flag",
        source="corpus-cleaner: characters of listed words at least 5 %",
        why="Catalogues of pornography consist of such words.",
        cost="No clean page of the labelled crawl; a glossary of slang would. It finds a third.",
        examples="""
            >>> fails("adult_chars_v1", ESSAY)
            False
            >>> fails("adult_chars_v1", "アダルトビデオ ヌーディスト 新作 配信")
            True
            >>> fails("adult_chars_v1", "「ポルノ」の語源と「エロス」の語源を比べる。")
            True
        """,
    ),
    Rule(
        name="some_adult_chars_v1",
        metric="adult_char_share",
        fails_if="above",
        threshold=0.01,
        default="flag",
        source=f"{SEIMAI}: 66 % of adult pages, 0.1 % of clean ones",
        why="The same at the level where running text stays under it.",
        cost="Under 1 % of pages on sex education and medicine, more where they are short.",
        examples="""
            >>> fails("some_adult_chars_v1", ESSAY)
            False
            >>> fails("some_adult_chars_v1", "ソープランドの新人が入店しました。ご予約はお電話で。")
            True
            >>> fails("some_adult_chars_v1", "性交によって感染する病気とその予防を説明します。")
            True
        """,
    ),
    Rule(
        name="adult_terms_v1",
        metric="adult_terms",
        fails_if="above",
        threshold=5,
        default="flag",
        source=f"{UZUSHIO}: 6 different words",
        why="One word proves nothing; six different ones do. Counting kinds spares long pages.",
        cost="No clean page of the labelled crawl; criticism and law that name many things.",
        examples="""
            >>> fails("adult_terms_v1", ESSAY)
            False
            >>> fails("adult_terms_v1", "セックス ポルノ エロ本 ソープランド デリヘル 巨乳")
            True
            >>> fails("adult_terms_v1", "条例はポルノ、性交、射精、勃起、乳首、性欲の語を挙げる。")
            True
        """,
    ),
    Rule(
        name="many_adult_terms_v1",
        metric="adult_terms",
        fails_if="above",
        threshold=8,
        default="flag",
        source=f"{UZUSHIO}: 9 different words",
        why="The same, nearly certain.",
        cost="No clean page of the labelled crawl; a dictionary of slang.",
        examples="""
            >>> fails("many_adult_terms_v1", ESSAY)
            False
            >>> fails("many_adult_terms_v1", "性交 ポルノ 勃起 エロ本 射精 デリヘル 巨乳 性欲 乳首")
            True
            >>> fails("many_adult_terms_v1", "語釈：性交 性感 援交 勃起 射精 乳首 巨乳 性欲 淫行")
            True
        """,
    ),
    Rule(
        name="ads_v1",
        metric="ad_phrases",
        fails_if="above",
        threshold=3,
        default="flag",
        source=f"{HOJICHAR}: over 14 hits a page, made a rate so that long pages do not pay",
        why="Shops, vacancies and sales talk.",
        cost="0.6 % of clean pages: short notices of events and consumer advice.",
        examples="""
            >>> fails("ads_v1", ESSAY)
            False
            >>> fails("ads_v1", "期間限定で送料無料！クーポンでさらにお得な今、カートに入れる")
            True
            >>> fails("ads_v1", "「送料無料」や「お得な」という言葉に注意しましょう。")
            True
        """,
    ),
    Rule(
        name="bbs_v1",
        metric="bbs_phrases",
        fails_if="above",
        threshold=3,
        default="flag",
        source=f"{HOJICHAR}'s idea of phrases for each kind of page, as a rate",
        why="Boards and comment threads: names, numbers and buttons around few words.",
        cost="0.5 % of clean pages, more than of noise: help pages about a board, comments.",
        examples="""
            >>> fails("bbs_v1", ESSAY)
            False
            >>> fails("bbs_v1", "12 名無しさん 返信する\\n13 名無しさん 通報する")
            True
            >>> fails("bbs_v1", "投稿の下の「返信する」を押すと入力欄が開きます。")
            True
        """,
    ),
)

RULES: tuple[Rule, ...] = (
    *_LENGTH,
    *_SCRIPT,
    *_LINES,
    *_SENTENCES,
    *_REPETITION,
    *_LINKS,
    *_WORDS,
)
"""Every rule. The order is that of `flags`; it never decides anything."""
