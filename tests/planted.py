"""Texts with planted near-duplicates, and how many of them grouping and removal find.

    python -m tests.planted [documents]

prints recall, wrong removals, and exact against estimated similarity; 20,000 documents unless told.
"""

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.dedup.buckets import DEFAULT, band_keys, band_rows, link, sketched
from pipeline.dedup.components import alternate, forest
from pipeline.dedup.evaluation import jaccard
from pipeline.dedup.signatures import SHINGLE_CHARS, content_hashes, signatures, slots
from pipeline.dedup.stages import partition_of
from pipeline.dedup.survivors import MEMBERS, KeepPolicy, remove_copies
from pipeline.text import dedup_view

_WORDS = {
    "person": "祖母 隣の農家 新人の杜氏 市場の仲買人 小学校の先生 港の漁師 若い板前 薬剤師 駅員",
    "thing": (
        "新米 玄米 土鍋 味噌樽 干物 梅干し 柚子胡椒 鰹節 昆布 大根 里芋 茶葉 豆腐 油揚げ 蕎麦粉 "
        "糠床 精米機 羽釜 木桶 竹ざる 包丁 砥石 徳利 湯呑み 暖簾 炭火 薪 籾殻 稲架 種籾 苗代 用水路"
    ),
    "place": "山あいの村 川沿いの蔵 商店街の外れ 古い駅舎 北の港町 城下町 棚田 朝市 峠の茶屋 離れ",
    "time": "夜明け前に 雨の日には 収穫の頃 冬至の朝 梅雨が明けると 休みのたびに 祭りの前夜",
    "deed": "確かめる 運び出す 洗っておく 譲り受ける 並べて乾かす 火にかける 包んで贈る 仕込む",
    "reason": "香りが逃げる 湿気を嫌う 手間がかかる 味に角が立つ 長く保つ 値が上がる 色が冴える",
}
_SENTENCES = (
    "{time}{person}は{place}で{thing}を{deed}。",
    "{thing}は{reason}ので、{person}に頼んで{deed}ことにしている。",
    "{place}の{person}によれば、{thing}と{other}では扱いがまるで違うという。",
    "{other}があれば{thing}も{deed}ほうがよいが、{reason}こともある。",
    "どうして{thing}だけが{reason}のか、{time}{person}に尋ねてみた。",
    "{person}の手元には{thing}が残り、{other}はもう{place}へ移してあった。",
)


def seeded(seed: int) -> random.Random:
    """A source of chance that gives the same texts every time."""
    return random.Random(seed)


def article(chance: random.Random, chars: int) -> str:
    """A text of about as many characters, unlike any other but for its manner."""
    words = {name: choices.split() for name, choices in _WORDS.items()}
    words["other"] = words["thing"]
    sentences: list[str] = []
    while sum(map(len, sentences)) < chars:
        chosen = {name: chance.choice(choices) for name, choices in words.items()}
        sentences.append(chance.choice(_SENTENCES).format(**chosen))
    return "".join(sentences)


def edited(chance: random.Random, text: str, share: float) -> str:
    """A version of a text: letters changed, dropped or put in at about so many places."""
    letters = list(text)
    for _ in range(max(1, round(share * len(letters)))):
        place = chance.randrange(len(letters))
        letters[place] = chance.choice(
            ["", chance.choice("ぁぃぅぇぉゃゅょ"), letters[place] + "々"]
        )
    return "".join(letters)


def drifting(chance: random.Random, text: str, versions: int, share: float) -> list[str]:
    """A chain of versions, each an edit of the one before."""
    chain = [text]
    while len(chain) < versions:
        chain.append(edited(chance, chain[-1], share))
    return chain


def families(chance: random.Random, documents: int) -> list[list[str]]:
    """Half of the documents alone, half in families of two to six with edits of 0.1 to 10 %."""
    made: list[list[str]] = [
        [article(chance, chance.randint(80, 2_000))] for _ in range(documents // 2)
    ]
    left = documents - len(made)
    while left > 0:
        original = article(chance, chance.randint(80, 2_000))
        versions = min(left, chance.randint(2, 6)) - 1
        shares = [10 ** chance.uniform(-3, -1) for _ in range(versions)]
        made.append([original, *(edited(chance, original, share) for share in shares)])
        left -= 1 + versions
    return made


@dataclass(frozen=True, slots=True)
class Found:
    """What grouping and removal made of planted families.

    Attributes:
        due: documents with a better kept one of their family at an exact Jaccard of 0.85 or more.
        due_removed: those of them that were removed.
        exact: of all removals, the exact Jaccard to the survivor.
        estimated: of the same, the estimated one.
    """

    due: int
    due_removed: int
    exact: NDArray[np.float64]
    estimated: NDArray[np.float64]


def find(planted: Sequence[Sequence[str]], policy: KeepPolicy) -> Found:
    """Groups the families' texts all together, removes copies, and holds both against the truth."""
    texts = [text for family in planted for text in family]
    family_of = [number for number, family in enumerate(planted) for _ in family]
    views = [dedup_view(text) for text in texts]
    removals = remove_copies(members(views), policy)
    survivor_of = [None if x is None else int(x, 16) for x in removals["survivor_id"].to_pylist()]

    def exact(ours: int, theirs: int) -> float:
        return jaccard(views[ours], views[theirs], SHINGLE_CHARS)

    removed = [row for row, survivor in enumerate(survivor_of) if survivor is not None]
    due = [
        row
        for row in range(len(texts))
        if any(
            survivor_of[other] is None and exact(row, other) >= 0.85
            for other in range(row - 1, -1, -1)
            if family_of[other] == family_of[row]
        )
    ]
    return Found(
        due=len(due),
        due_removed=len(set(due) & set(removed)),
        exact=np.array([exact(row, survivor_of[row] or 0) for row in removed]),
        estimated=removals["similarity"].drop_null().to_numpy().astype(float),
    )


def links(views: Sequence[str], partitions: int = 16) -> tuple[NDArray[np.uint64], ...]:
    """The links that the partitions of a group job find between views, known by their rows."""
    signed = signatures(views)
    rows = np.flatnonzero(signed.is_valid())
    nodes, numbers = rows.astype(np.uint64), slots(signed)[rows]
    bands, looks = band_rows(nodes, band_keys(numbers, DEFAULT)), sketched(nodes, numbers)
    partition = partition_of(bands["key"], partitions)
    found = [link(bands[partition == number], looks, DEFAULT) for number in range(partitions)]
    nodes = np.concatenate([linked.nodes for linked in found])
    return nodes, np.concatenate([linked.roots for linked in found])


def members(views: Sequence[str]) -> pa.Table:
    """Views in the clusters that a group job finds; the first deserve most to stay."""
    cluster = np.arange(len(views))
    nodes, roots = forest(*links(views))
    cluster[nodes.astype(int)] = roots.astype(int)
    first: dict[bytes, int] = {}
    digests = content_hashes(views).to_pylist()
    columns = {
        "id": [_id(row) for row in range(len(views))],
        "cluster_id": [_id(row) for row in cluster.tolist()],
        "exact_id": [_id(first.setdefault(digest, row)) for row, digest in enumerate(digests)],
        "signature": signatures(views),
        "quality": -np.arange(len(views), dtype=float),
        "n_chars": [len(view) for view in views],
        "crawl_time": [None for _ in views],
    }
    return pa.table(columns, schema=MEMBERS)


def _id(number: int) -> str:
    return f"{number:032x}"


def main(documents: int) -> None:
    """Print how well planted families are found."""
    found = find(families(seeded(1), documents), KeepPolicy())
    wrong = int((found.exact < 0.6).sum())
    print(f"{documents:,} documents, {len(found.exact):,} removed")
    print(f"due at an exact Jaccard of 0.85: {found.due:,}, removed {found.due_removed:,}")
    print(f"removed at an exact Jaccard below 0.6: {wrong}")
    print("exact Jaccard to the survivor   removals   estimated: mean, 1 % and 99 % quantiles")
    for low, high in pairwise([0.0, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.01]):
        inside = found.estimated[(found.exact >= low) & (found.exact < high)]
        if len(inside):
            few, many = np.quantile(inside, [0.01, 0.99])
            spread = f"{inside.mean():.3f}  {few:.3f}  {many:.3f}"
            print(f"{low:.2f} to {min(high, 1):.2f} {len(inside):>23,}   {spread}")
    for versions in (400, 1_000):
        chance = seeded(versions)
        chain = drifting(chance, article(chance, 1_500), versions, 0.02)
        views = [dedup_view(text) for text in chain]
        nodes, roots, rounds = alternate(*links(views))
        clusters = versions - len(nodes)
        similarities = remove_copies(members(views), KeepPolicy())["similarity"].drop_null()
        print(
            f"chain of {versions:,}: clusters {clusters}, rounds {rounds}, "
            f"removed {len(similarities)}, least similar {min(similarities.to_pylist()):.3f}; "
            f"both ways agree: {np.array_equal(forest(*links(views)), (nodes, roots))}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
