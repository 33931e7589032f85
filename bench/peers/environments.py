"""Makes an environment for each peer, with pinned versions, in a folder that git ignores.

    python -m bench.peers.environments [PEER...]

The pins are `bench/peers/pins/PEER.txt`. What is there under the same pins is left as it is. A peer
that cannot be installed is no error: the reason is put into the results, and the others go on.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from bench import results

PINS = Path(__file__).parent / "pins"
FOLDER = Path(__file__).parents[1] / "work" / "peers"
_DONE = "installed-pins.txt"


def peers() -> list[str]:
    """The names of all peers."""
    return sorted(path.stem for path in PINS.glob("*.txt"))


def python(peer: str) -> Path:
    """The Python of a peer's environment; seimai's own is the one that runs this."""
    return Path(sys.executable) if peer == "seimai" else FOLDER / peer / "bin" / "python"


def is_ready(peer: str) -> bool:
    """Whether the environment is there, with these pins."""
    if peer == "seimai":
        return True
    done = FOLDER / peer / _DONE
    return done.exists() and done.read_text("utf-8") == _pins(peer).read_text("utf-8")


def install(peer: str) -> None:
    """Make a peer's environment, and note how that went."""
    if not is_ready(peer):
        folder = FOLDER / peer
        said = _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        said = said or _run(
            [
                str(python(peer)),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--requirement",
                str(_pins(peer)),
            ]
        )
        if said:
            results.add({f"peers.{peer}.install": f"failed: {said}"})
            print(f"{peer}: not installed: {said}")
            return
        (folder / _DONE).write_text(_pins(peer).read_text("utf-8"), "utf-8")
    results.add({f"peers.{peer}.install": "ready"})
    print(f"{peer}: ready")


def _pins(peer: str) -> Path:
    return PINS / f"{peer}.txt"


def _run(command: list[str]) -> str:
    """Runs a command; gives its last line of complaint if it failed, else nothing."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return (lines or [f"exit code {done.returncode}"])[-1] if done.returncode else ""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("peers", nargs="*", default=peers())
    for peer in parser.parse_args().peers:
        install(peer)


if __name__ == "__main__":
    main()
