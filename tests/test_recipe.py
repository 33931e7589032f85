"""Recipes: what they say, what they refuse, and how they point at a slip."""

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dedup.survivors import KeepPolicy
from pipeline.errors import RecipeError
from pipeline.rules import RULES
from pipeline.selection import recipe
from pipeline.selection.recipe import Band, Caps, Cut, Range, Recipe, from_text, load
from pipeline.selection.recipe_schema import recipe_schema
from schemas.files import file_schema

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file beside the others of the test, and say where."""

    def write_file(text: str, name: str = "mine.yaml") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write_file


def refusal(path: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load(path)
    return str(caught.value)


def test_a_recipe_says_what_its_lines_say(write: Write) -> None:
    said = load(
        write(
            """
description: 青空文庫に似た文章だけ
crawl_time: {from: 2023-01-01, until: 2024-01-01T00:00:00+09:00}
flags: {short_v1: drop, stub_v1: keep}
ranges: {ja_score: {min: 0.9}, n_chars: {min: 200, max: 50000}}
scores: {affiliate: {keep_below: 0.5}, noise: {drop_worst: 10%}}
duplicates: {keep: latest, threshold: 0.8, copies: 2}
caps: {host: 100}
sample: 0.25
mask: [phone, email]
shards: {size: 300MB, row_group: 32MiB}
seed: 7
"""
        )
    )
    assert said.description == "青空文庫に似た文章だけ"
    assert said.crawl_time.begin == 1_672_531_200_000
    assert said.crawl_time.until == 1_704_067_200_000 - 9 * 3_600_000
    assert said.flags == ("short_v1",)
    assert said.ranges == {"ja_score": Range(0.9, None), "n_chars": Range(200, 50000)}
    assert said.scores == {"noise": Cut(drop_worst=0.1), "affiliate": Cut(keep_below=0.5)}
    assert said.duplicates == KeepPolicy("latest", 0.8, 2)
    assert (said.caps.host, said.caps.domain, said.sample, said.seed) == (100, None, 0.25, 7)
    assert said.mask == ("email", "phone")
    assert (said.shards.size, said.shards.row_group) == (300_000_000, 32 << 20)


def test_an_empty_recipe_keeps_everything_once(write: Write) -> None:
    assert load(write("")) == Recipe("mine")


def test_all_copies_may_stay(write: Write) -> None:
    assert load(write("duplicates: {copies: all}")).duplicates is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("seed: 1\nsedd: 2\n", ["line 2", "no key `sedd`", "did you mean `seed`?"]),
        ("flags:\n  shrt_v1: drop\n", ["line 2", "no rule `shrt_v1`", "`short_v1`"]),
        ("flags:\n  short_v1: dorp\n", ["line 2", "`flags.short_v1`", "'dorp'", "`drop`"]),
        ("ranges:\n  ja_scor: {min: 1}\n", ["line 2", "`ja_scor`", "did you mean `ja_score`?"]),
        ("ranges: {text: {min: 1}}", ["line 1", "no numeric column `text`"]),
        ("ranges: {n_chars: {min: 5, max: 2}}", ["line 1", "`ranges.n_chars`", "not over `max`"]),
        ("ranges: {n_chars: {}}", ["`ranges.n_chars`", "`min`, `max` or both"]),
        ("scores:\n  noise:\n    keep_below: 2\n", ["line 3", "is 2", "from 0 to 1"]),
        ("scores: {noise: {keep_below: 0.5, drop_worst: 1%}}", ["exactly one of"]),
        ("scores: {spam: {keep_below: 0.5}}", ["no classifier `spam`", "known are `adult`"]),
        ("scores: {noise: {drop_worst: 110%}}", ["'110%'", "a share such as 10% or 0.1"]),
        ("sample: 二割", ["`sample`", "'二割'", "a share such as"]),
        ("sample: true", ["`sample` is True", "a number from 0 to 1"]),
        ("seed: -1", ["`seed` is -1", "a whole number from 0"]),
        ("caps: {host: 0}", ["`caps.host` is 0", "from 1"]),
        ("shards: {size: 1.5 bananas}", ["`shards.size`", "a size such as 256MB"]),
        ("crawl_time: {from: 去年}", ["`crawl_time.from`", "'去年'", "a date such as"]),
        ("crawl_time: {from: 2024-01-01, until: 2023-01-01}", ["a `from` before `until`"]),
        ("takedown: {hosts: nowhere.txt}", ["`takedown.hosts`", "nowhere.txt", "a text file"]),
        ("extends: defualt", ["line 1", "no recipe `defualt`", "did you mean `default`?"]),
        ("extends: other.yaml", ["other.yaml", "cannot be read"]),
        ("seed: 1\nseed: 2\n", ["line 2", "`seed`", "second time", "line 1"]),
        ("- a\n- b\n", ["line 1", "the recipe is a list", "a mapping"]),
        ("seed: [", ["not valid YAML"]),
        ("seed: !!python/object/apply:os.getcwd []", ["line 1", "tag", "is not read"]),
        ("a: &x 1\nb: *x\n", ["anchors", "extends"]),
    ],
)
def test_a_slip_is_pointed_at(write: Write, text: str, wanted: list[str]) -> None:
    path = write(text)
    message = refusal(path)
    assert path in message or "other.yaml" in text
    for piece in wanted:
        assert piece in message


def test_a_recipe_extends_another_entry_by_entry(write: Write) -> None:
    write(
        "flags: {short_v1: drop, stub_v1: drop}\n"
        "scores: {noise: {keep_below: 0.5}, adult: {keep_below: 0.4}}\n",
        "base.yaml",
    )
    over = write(
        "extends: base.yaml\n"
        "flags: {short_v1: keep}\n"
        "scores: {noise: {drop_worst: 5%}, adult: null}\n"
    )
    said = load(over)
    assert said.flags == ("stub_v1",)
    assert said.scores == {"noise": Cut(drop_worst=0.05)}


def test_a_slip_in_the_base_is_shown_in_the_base(write: Write) -> None:
    base = write("seed: 1\nsample: much\n", "base.yaml")
    assert f"{base}, line 2" in refusal(write("extends: base.yaml\n"))


def test_recipes_that_extend_each_other_are_refused(write: Write) -> None:
    write("extends: mine.yaml", "other.yaml")
    assert "leads back" in refusal(write("extends: other.yaml"))


def test_list_files_are_found_beside_the_recipe_and_count_by_content(
    write: Write, tmp_path: Path
) -> None:
    write("example.jp\n", "optout.txt")
    text = "takedown: {hosts: optout.txt}"
    first = load(write(text)).digest
    (tmp_path / "optout.txt").rename(tmp_path / "moved.txt")
    assert load(write("takedown: {hosts: [moved.txt]}")).digest == first
    write("example.jp\nexample.com\n", "moved.txt")
    assert load(write("takedown: {hosts: moved.txt}")).digest != first


def test_the_digest_is_of_what_a_recipe_does(write: Write) -> None:
    plain = load(write("scores: {noise: {drop_worst: 10%}}\n")).digest
    retold = "# また同じ\ndescription: 別の説明\nseed: 0\nscores:\n  noise: {drop_worst: 0.1}\n"
    assert load(write(retold, "other.yaml")).digest == plain
    assert load(write("scores: {noise: {drop_worst: 11%}}\n")).digest != plain


def test_the_ladder_is_shipped_and_climbs() -> None:
    ladder = [load(name) for name in ("raw", "light", "default", "strict")]
    assert {"swallow-like", "fineweb2-like"} <= set(recipe.shipped())
    for lower, upper in pairwise(ladder):
        assert set(lower.flags) <= set(upper.flags)
        for name, cut in lower.scores.items():
            assert cut.keep_below is not None
            above = upper.scores[name].keep_below
            assert above is not None
            assert above <= cut.keep_below
    assert not ladder[0].flags
    assert not ladder[0].scores


def test_the_default_recipe_drops_what_the_rules_table_says() -> None:
    dropping = {rule.name for rule in RULES if rule.default == "drop"}
    assert set(load("default").flags) == dropping


@pytest.mark.parametrize("name", recipe.shipped())
def test_a_shipped_recipe_fits_the_json_schema_for_editors(name: str) -> None:
    path = recipe.SHIPPED / f"{name}.yaml"
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    jsonschema.validate(written, file_schema("recipe"))
    assert load(name).description


def test_the_json_schema_is_the_one_that_the_program_would_write() -> None:
    assert file_schema("recipe") == recipe_schema()


def test_the_json_schema_refuses_what_the_program_refuses() -> None:
    for slip in ({"sedd": 1}, {"scores": {"noise": {"keep_below": 2}}}, {"flags": {"x": "drop"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(slip, file_schema("recipe"))


@given(st.text(max_size=200))
def test_whatever_a_text_holds_it_is_a_recipe_or_a_refusal(text: str) -> None:
    with suppress(RecipeError):
        assert recipe.from_text(text).name == "recipe"


def test_a_band_of_a_score_has_a_number_and_its_ends_in_order() -> None:
    caps = from_text("caps: {host: 9, noise: {from: 0.3, below: 0.8, documents: 50}}").caps
    assert caps == Caps(host=9, bands={"noise": Band(50, 0.3, 0.8)})
    for slip, told in (
        ("{from: 0.8, below: 0.3, documents: 5}", "a `from` less than `below`"),
        ("{from: 0.8}", "`documents`, the number that may stay"),
    ):
        with pytest.raises(RecipeError, match=told):
            from_text(f"caps: {{noise: {slip}}}")


@pytest.mark.parametrize(
    "text", ["ranges: " + "[" * 3000 + "]" * 3000, 'extends: "a\\0b.yaml"'], ids=["deep", "nul"]
)
def test_a_recipe_that_no_person_wrote_is_refused_like_any_other(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=r"odd\.yaml"):
        load(str(path))
