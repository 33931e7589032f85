"""What the pages written to train on promise: nobody's, labelled, and read like any crawl's."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from click.testing import CliRunner

from classifiers.labels import groups, read_labels
from classifiers.runs import documents
from pipeline.cli import cli

PAGES = Path(__file__).parents[1] / "classifiers" / "synthetic" / "pages.jsonl"
TELEPHONE = re.compile(r"(?<!\d)0\d{1,4}-\d{1,4}-\d{4}(?!\d)")
ADDRESS = re.compile(r"[\w.+-]+@([\w-]+\.)+[a-z]{2,}")


def test_each_is_of_a_site_that_cannot_be_and_of_its_own() -> None:
    labels = read_labels(str(PAGES))
    assert all(label.synthetic for label in labels)
    hosts = {urlsplit(label.url).hostname or "" for label in labels}
    assert all(host.endswith(".synthetic.example") for host in hosts)
    assert len(hosts) == len(set(groups(labels).tolist())) == len(labels)


def test_all_classes_but_adult_are_among_them() -> None:
    truth = [label.truth for label in read_labels(str(PAGES))]
    assert [sum(column) for column in zip(*truth, strict=True)] == [154, 95, 0]


def test_nobody_can_be_called_or_written_to() -> None:
    for line in PAGES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert not [number for number in TELEPHONE.findall(row["html"]) if set(number) - set("0-")]
        for found in ADDRESS.finditer(row["html"]):
            assert found[0].endswith("synthetic.example"), row["url"]


def test_a_run_makes_a_document_of_each(tmp_path: Path) -> None:
    asked = ["extract", str(PAGES), "--out", str(tmp_path), "--quiet", "--workers", "1"]
    result = CliRunner().invoke(cli, asked, obj=())
    assert result.exit_code == 0, result.output
    assert sum(map(len, documents(str(tmp_path)))) == len(read_labels(str(PAGES)))
