"""A training loop in small, to be killed: what `schemas.reader` looks like from a torch loader.

    python -m tests.torch_training FOLDER CHECKPOINT RANK RANKS STEPS

Each worker of each rank is a consumer. A document comes with its consumer's state, and the loop
keeps the last state of each consumer beside the model: so a checkpoint knows what was trained on,
and not what the workers have read ahead. The "model" here is the list of ids that it has seen.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from schemas.reader import Documents

WORKERS = 2
BATCH = 4

State = dict[str, Any]


class Stretches(IterableDataset[tuple[str, State]]):
    """The ids of one rank's documents, shared among the loader's workers."""

    def __init__(self, folder: str, rank: int, ranks: int, states: dict[str, State]) -> None:
        self._folder, self._rank, self._ranks, self._states = folder, rank, ranks, states

    def __iter__(self) -> Iterator[tuple[str, State]]:
        worker = get_worker_info()
        assert worker is not None
        consumer = self._rank * worker.num_workers + worker.id
        consumers = self._ranks * worker.num_workers
        documents = Documents(self._folder, ["id"], consumer, consumers)
        if str(consumer) in self._states:
            documents.restore(self._states[str(consumer)])
        for document in documents:
            yield document["id"], documents.state()


def train(folder: str, checkpoint: Path, rank: int, ranks: int, steps: int) -> None:
    """Go on from the checkpoint, and die without a word after so many steps."""
    begun = checkpoint.exists()
    model = json.loads(checkpoint.read_text()) if begun else {"seen": [], "states": {}}
    stretches = Stretches(folder, rank, ranks, model["states"])
    loader = DataLoader(stretches, batch_size=BATCH, num_workers=WORKERS, collate_fn=list)
    for step, batch in enumerate(loader):
        if step == steps:
            os.kill(os.getpid(), signal.SIGKILL)
        for name, state in batch:
            model["seen"].append(name)
            model["states"][str(state["consumer"])] = state
        beside = checkpoint.with_suffix(".new")
        beside.write_text(json.dumps(model))
        beside.replace(checkpoint)


if __name__ == "__main__":
    train(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
