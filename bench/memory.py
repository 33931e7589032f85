"""Runs a command and tells the peak memory of each of its processes (Linux).

    python -m bench.memory [--times N] -- seimai extract {inputs} --out RUN

With `--times N DATA` the command's `{inputs}` is a folder in which every WARC of DATA is linked N
times, so that one can see that memory does not grow with the input.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS_BETWEEN_LOOKS = 0.2


def main() -> int:
    """Run the command, print the peaks."""
    place = sys.argv.index("--")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    options = parser.parse_args(sys.argv[1:place])
    with TemporaryDirectory() as folder:
        link(options.data, Path(folder), options.times)
        command = [part.replace("{inputs}", folder) for part in sys.argv[place + 1 :]]
        start = time.monotonic()
        with subprocess.Popen(command) as process:
            peaks = watch(process)
    print(f"{' '.join(sys.argv[place + 1 :])}: {time.monotonic() - start:.0f} s")
    for rank, peak in enumerate(sorted(peaks.values(), reverse=True)):
        print(f"  process {rank}: {peak / 2**20:,.0f} MiB at most")
    return process.returncode


def link(data: Path, folder: Path, times: int) -> None:
    """Every WARC of a folder, under `times` names."""
    for path in sorted(data.glob("*.warc.gz")):
        for number in range(times):
            (folder / f"{number:03}-{path.name}").symlink_to(path.resolve())


def watch(process: "subprocess.Popen[bytes]") -> dict[int, int]:
    """The peak resident bytes of a process and all below it, by process id."""
    peaks: dict[int, int] = {}
    while process.poll() is None:
        for pid in tree(process.pid):
            peaks[pid] = max(peaks.get(pid, 0), resident_peak(pid))
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return peaks


def tree(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from tree(int(child))


def resident_peak(pid: int) -> int:
    """The most resident bytes that a process has had (VmHWM); 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
