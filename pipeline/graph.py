"""The Beam graph of a step: tasks, spread over the workers, each done and committed."""

from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner


def run_in_process(work: Callable[[Any], None], task: object) -> None:
    """Do one task in this process.

    The runner is named explicitly: Beam's default DirectRunner would first try to download
    another one, and then fall back without a word.
    """
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
        _ = (
            pipeline
            | "Plan" >> beam.Create([task], reshuffle=False)
            | "Do" >> beam.ParDo(_Do(work))
        )


def run_on(
    runner: str, beam_args: Sequence[str], name: str, work: Callable[[Any], None], tasks: object
) -> None:
    """Do tasks on a Beam runner: Flink, Spark, Dataflow, or any other that Beam knows."""
    options = PipelineOptions([f"--runner={runner}", *beam_args])
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | f"Plan {name}" >> beam.Create(tasks, reshuffle=False)
            | f"Spread {name}" >> beam.Reshuffle()
            | name >> beam.ParDo(_Do(work))
        )


class _Do(beam.DoFn):
    """Does a task. Its result is what it commits, so it emits nothing."""

    def __init__(self, work: Callable[[Any], None]) -> None:
        self._work = work

    def process(self, task: Any) -> None:  # noqa: ANN401 - a step may have tasks of any kind
        """Do one task."""
        self._work(task)
