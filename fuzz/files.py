"""Any recipe, sidecar or JSON file of a run: read, or refused with an error of ours."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pipeline"]):
    from pipeline.errors import SeimaiError
    from pipeline.run import Run
    from pipeline.selection import manifest, recipe
    from pipeline.tasks import Commit

FOLDER = Path(tempfile.mkdtemp(prefix="seimai-fuzz-"))


def one_file(data: bytes) -> None:
    """The first byte tells which file the others are."""
    kind, content = (data[0] if data else 0) % 4, data[1:]
    try:
        if kind == 0:
            recipe.from_text(content.decode("utf-8", "replace"))
        elif kind == 1:
            Commit.from_json(content, "sidecar")
        elif kind == 2:
            (FOLDER / "run.json").write_bytes(content)
            Run(str(FOLDER)).task_ids()
        else:
            (FOLDER / manifest.NAME).write_bytes(content)
            manifest.read(str(FOLDER))
    except SeimaiError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_file)
    atheris.Fuzz()
