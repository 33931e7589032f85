"""What `seimai classifiers …` promises, on a small run of pages written here."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from classifiers.bundle import load, save
from classifiers.cli import classifiers
from classifiers.labels import CLASSES
from classifiers.runs import READ
from pipeline import storage
from pipeline.tasks import Attempt
from schemas import DOCUMENTS, SCORES
from tests.test_classifiers import DIARY, MENU, RANKING, html_documents

KINDS = (("diary", DIARY), ("ranking", RANKING), ("menu", MENU))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 18 pages on 9 sites, extracted and scored, with labels beside it."""
    folder = tmp_path_factory.mktemp("run")
    pages, labels = [], []
    for number in range(18):
        kind, body = KINDS[number % 3]
        links = (
            "<a href=https://px.a8.net/svt/ejp?a8mat=1>公式</a>" * 4 if kind == "ranking" else ""
        )
        pages.append(f"<title>{kind}</title><p>{body}</p><p>第{number}回</p>{links}")
        labels.append(
            {
                "url": f"https://example.jp/{number}",
                "site": f"s{number // 3}-{kind}",
                "noise": int(kind == "menu"),
                "affiliate": int(kind == "ranking"),
                "adult": 0,
                "confidence": "high",
                "audit": f"{int(kind == 'menu')}{int(kind == 'ranking')}0",
            }
        )
    batch = html_documents(pages).append_column("title", pa.array([""] * 18))
    schema = pa.schema([field for field in DOCUMENTS.arrow if field.name in READ])
    with Attempt(str(folder / "documents"), "task", "s") as attempt:
        attempt.table("documents", schema).write(batch.select(schema.names).cast(schema))
        attempt.commit()
    with Attempt(str(folder / "scores" / "base"), "task", "s") as attempt:
        attempt.table("scores", SCORES.arrow).write(load().score(batch))
        attempt.commit()
    blunt = load().score(batch).to_pydict() | {name: [0.5] * 18 for name in CLASSES}
    with Attempt(str(folder / "scores" / "blunt"), "task", "s") as attempt:
        attempt.table("scores", SCORES.arrow).write(
            pa.RecordBatch.from_pydict(blunt, schema=SCORES.arrow)
        )
        attempt.commit()
    lines = "".join(json.dumps(label) + "\n" for label in labels)
    (folder / "labels.jsonl").write_text(lines, encoding="utf-8")
    return folder


def called(*arguments: object) -> Result:
    return CliRunner().invoke(classifiers, [str(argument) for argument in arguments])


def test_evaluate_prints_a_table_and_writes_every_figure(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    labels = run / "labels.jsonl"
    result = called("evaluate", "--run", run, "--labels", labels, "--out", out, "--errors")
    assert result.exit_code == 0, result.output
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["pages"] == 18
    assert figures["classes"]["affiliate"]["both_agree"]["average_precision"] > 0.9
    assert figures["classes"]["adult"]["both_agree"]["average_precision"] is None
    assert "affiliate  both_agree" in result.output
    assert "noise: furthest from their label" in result.output


def test_evaluate_says_when_no_label_fits(run: Path, tmp_path: Path) -> None:
    row = {"url": "https://elsewhere.jp/", **dict.fromkeys(CLASSES, 0)}
    (tmp_path / "l.jsonl").write_text(json.dumps(row), encoding="utf-8")
    result = called("evaluate", "--run", run, "--labels", tmp_path / "l.jsonl")
    assert "none of its documents" in str(result.exception)


def test_evaluate_draws_a_page_and_leaves_doubtful_labels_out(run: Path, tmp_path: Path) -> None:
    labels, page, out = run / "labels.jsonl", tmp_path / "page.html", tmp_path / "figures.json"
    doubts = tmp_path / "doubts.tsv"
    row = "https://example.jp/0\tnoise\t0\t1\ta stub"
    doubts.write_text(f"url\tclass\tlabel\tshould_be\treason\n{row}\n", encoding="utf-8")
    options = ("--doubts", doubts, "--page", page, "--out", out)
    result = called("evaluate", "--run", run, "--labels", labels, *options)
    assert result.exit_code == 0, repr(result.exception)
    noise = json.loads(out.read_text(encoding="utf-8"))["classes"]["noise"]
    assert noise["high_mid"]["pages"] - noise["high_mid_undoubted"]["pages"] == 1
    assert "base" in page.read_text(encoding="utf-8")


def test_evaluate_takes_a_table_of_one_class_and_counts_pages_elsewhere(
    run: Path, tmp_path: Path
) -> None:
    rows = ["url\tnoise", "https://example.jp/2\t1", "https://elsewhere.jp/\t0"]
    (tmp_path / "l.tsv").write_text("\n".join(rows), encoding="utf-8")
    result = called("evaluate", "--run", run, "--labels", tmp_path / "l.tsv")
    assert result.exit_code == 0, repr(result.exception)
    assert "1 labelled documents; 1 labels of pages not in the run" in result.output


def test_evaluate_asks_whose_thresholds_to_judge_at(run: Path) -> None:
    known = ("--run", run, "--labels", run / "labels.jsonl", "--bundle", "blunt")
    assert "--thresholds" in str(called("evaluate", *known).exception)
    shipped = Path(__file__).parents[1] / "classifiers" / "models" / "base"
    result = called("evaluate", *known, "--thresholds", shipped)
    assert f"noise      at {load().thresholds['noise']:.2f}" in result.output


def test_evaluate_takes_the_folder_of_the_bundle_that_scored(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shipped = load()
    chosen = {**shipped.manifest, "thresholds": dict.fromkeys(CLASSES, 0.125)}
    save(folder, shipped.heads, chosen)
    known = ("--run", run, "--labels", run / "labels.jsonl")
    result = called("evaluate", *known, "--bundle", folder)
    assert "noise      at 0.12" in result.output


def test_evaluate_judges_the_text_alone_as_of_a_page_without_html(
    run: Path, tmp_path: Path
) -> None:
    known = ("--run", run, "--labels", run / "labels.jsonl", "--out", tmp_path / "figures.json")
    result = called("evaluate", *known, "--text-only")
    assert result.exit_code == 0, repr(result.exception)
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    slices = figures["classes"]["noise"]["slices"]
    assert (slices["with HTML"]["pages"], slices["without HTML"]["pages"]) == (0, 18)
    refused = called("evaluate", *known, "--text-only", "--bundle", "blunt")
    assert "no bundle's folder" in str(refused.exception)


def test_evaluate_refuses_scores_that_another_bundle_of_the_name_wrote(
    run: Path, tmp_path: Path
) -> None:
    save(tmp_path / "blunt", load().heads, load().manifest)
    known = ("--run", run, "--labels", run / "labels.jsonl", "--bundle", tmp_path / "blunt")
    assert "was written by another bundle" in str(called("evaluate", *known).exception)


def test_evaluate_asks_for_a_scored_run(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text("", encoding="utf-8")
    result = called("evaluate", "--run", tmp_path, "--labels", tmp_path / "l.jsonl")
    assert "nothing is committed" in str(result.exception)


def test_compare_says_which_is_better_and_where_they_differ(run: Path) -> None:
    labels = run / "labels.jsonl"
    result = called("compare", "--run", run, "--labels", labels, "blunt", "base")
    assert result.exit_code == 0, repr(result.exception)
    lines = result.output.splitlines()
    gained = [line for line in lines if line.startswith("affiliate")]
    for line, pages in zip(gained, ("both_agree", "high_mid"), strict=True):
        assert line.startswith(f"affiliate  {pages:10}  blunt 0.333  base 1.000  gain +0.667 [+")
    assert sum("0.500 → " in line for line in lines) == 30  # ten pages a class


def test_compare_of_a_bundle_with_itself_finds_nothing(run: Path) -> None:
    labels = run / "labels.jsonl"
    result = called("compare", "--run", run, "--labels", labels, "base", "base")
    assert "gain +0.000 [+0.000, +0.000]" in result.output
    assert "→" not in result.output


def test_label_proposes_with_evidence_the_most_doubtful_first(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "proposals.jsonl"
    result = called("label", run, "--out", out)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 18
    assert [row["urgency"] for row in rows] == sorted(
        (row["urgency"] for row in rows), reverse=True
    )
    ranking = next(row for row in rows if row["url"] == "https://example.jp/1")
    votes = {vote["voter"]: vote["evidence"] for vote in ranking["votes"]}
    assert votes["commission_links"] == "commission links: a8 4"
    assert ranking["affiliate"] == 1


def test_explain_names_what_spoke(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text(RANKING, encoding="utf-8")
    result = called("explain", tmp_path / "page.txt")
    assert result.exit_code == 0, result.output
    assert "affiliate: " in result.output
    assert "  for " in result.output
    (tmp_path / "saved.txt").write_text(f"\n{RANKING}\n\n", encoding="utf-8")
    assert called("explain", tmp_path / "saved.txt").output == result.output  # as a run stores it


def test_explain_names_what_spoke_in_a_document_of_a_run(run: Path) -> None:
    result = called("explain", "--run", run, "--url", "https://example.jp/1")
    assert result.exit_code == 0, repr(result.exception)
    with storage.open_read(str(next((run / "scores" / "base").glob("*.parquet")))) as file:
        score = pq.read_table(file)["affiliate"][1].as_py()
    assert f"affiliate: {score:.3f}" in result.output  # as the run is scored, with the page's facts
    assert " at page " in result.output
    assert " at main " in result.output
    assert "_commission" in result.output or "commission_" in result.output
    missing = called("explain", "--run", run, "--url", "https://elsewhere.jp/")
    assert "no document of the URL" in str(missing.exception)
    assert "either a text file" in str(called("explain", "--run", run).exception)


def test_card_is_the_one_in_the_docs() -> None:
    card = Path(__file__).parents[1] / "docs" / "model-card.md"
    result = called("card")
    assert result.exit_code == 0, repr(result.exception)
    assert result.output == card.read_text(encoding="utf-8")


def test_train_writes_a_bundle_that_loads(run: Path, tmp_path: Path) -> None:
    labels = run / "labels.jsonl"
    result = called("train", "--run", run, "--labels", labels, "--out", tmp_path / "own")
    assert result.exit_code == 0, repr(result.exception)
    trained = load(str(tmp_path / "own"))
    assert trained.name == "own"
    assert trained.manifest["labels"]["pages"] == 18


def test_train_reads_several_tables_and_says_which_pages_were_written(
    run: Path, tmp_path: Path
) -> None:
    known = (run / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    sites, written = tmp_path / "sites.jsonl", tmp_path / "written.jsonl"
    sites.write_text("\n".join(known[2:]), encoding="utf-8")
    rows = [{**json.loads(row), "synthetic": 1} for row in known[:2]]
    written.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    out = tmp_path / "own"
    result = called("train", "--run", run, "--labels", sites, "--labels", written, "--out", out)
    assert result.exit_code == 0, repr(result.exception)
    assert load(str(out)).manifest["labels"]["pages"] == 16
    assert "2 synthetic pages" in called("card", "--bundle", out).output


def test_calibrate_writes_a_bundle_that_ranks_alike_and_says_what_it_changed(
    run: Path, tmp_path: Path
) -> None:
    labels, out = run / "labels.jsonl", tmp_path / "calibrated"
    result = called("calibrate", "--run", run, "--labels", labels, "--out", out)
    assert result.exit_code == 0, repr(result.exception)
    made, shipped = load(str(out)), load()
    assert f"{made.digest} is the digest" in result.output
    assert made.digest != shipped.digest
    assert made.manifest["calibration"]["bundle"] == shipped.digest
    batch = html_documents([f"<p>{body}</p>" for _, body in KINDS])
    for place, name in enumerate(CLASSES):
        before, after = shipped.chances(batch)[:, place], made.chances(batch)[:, place]
        assert np.argsort(before).tolist() == np.argsort(after).tolist()
        flagged = before >= shipped.thresholds[name]
        assert (flagged == (after >= made.thresholds[name])).all()
    card = called("card", "--bundle", out)
    assert "Calibrated anew" in card.output


def test_evaluate_says_when_the_labels_are_those_of_the_training(run: Path, tmp_path: Path) -> None:
    known = ("--run", run, "--labels", run / "labels.jsonl")
    called("train", *known, "--out", tmp_path / "own")
    warned = called("evaluate", *known, "--bundle", tmp_path / "own", "--text-only")
    assert "the labels that own was trained on" in warned.output
    assert "was trained on" not in called("evaluate", *known).output


def test_calibrate_refuses_the_labels_that_the_bundle_was_trained_on(
    run: Path, tmp_path: Path
) -> None:
    known = ("--run", run, "--labels", run / "labels.jsonl")
    called("train", *known, "--out", tmp_path / "own")
    options = ("--bundle", tmp_path / "own", "--out", tmp_path / "again")
    result = called("calibrate", *known, *options)
    assert "calibrate on pages of other sites" in str(result.exception)
    assert not (tmp_path / "again").exists()
