"""The program, started: `seimai`, or `python -m pipeline`."""

import sys
from importlib import import_module
from typing import NoReturn

from pipeline.loading import loading


def main() -> NoReturn:
    """Load the commands and run the one that was asked for."""
    with loading():
        commands = import_module("pipeline.cli")
    commands.main()
    sys.exit(0)


if __name__ == "__main__":
    main()
