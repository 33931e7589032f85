"""The Beam graph of a step: tasks, spread over the workers, each done and committed."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    PipelineOptions,
    StandardOptions,
    _BeamArgumentParser,
)
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from pipeline.errors import OptionError
from pipeline.work import do

_Order = TypeVar("_Order")


def serve(receive: Callable[[], Iterator[_Order]], answer: Callable[[_Order], None]) -> None:
    """Do orders in this process as they come, and return when no more do.

    One pipeline for all of them: to build one and to take it down costs as much as some ten
    documents. The runner is named explicitly: Beam's default DirectRunner would first try to
    download another one, and then fall back without a word.

    Args:
        receive: gives the orders, and waits for the next one; Beam pickles it.
        answer: does one and tells how it went; Beam pickles it too.
    """
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
        _ = (
            pipeline
            | beam.Impulse()
            | "Receive" >> beam.FlatMap(lambda _: receive())
            | "Answer" >> beam.Map(answer)
        )


def run_on(
    beam_args: Sequence[str], name: str, work: Callable[[Any], None], tasks: Sequence[object]
) -> None:
    """Do tasks on the Beam runner that Beam's own options name, with those options."""
    with beam.Pipeline(options=PipelineOptions(list(beam_args))) as pipeline:
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
        do(self._work, task)


def check_options(beam_args: Sequence[str]) -> None:
    """Make sure, before any work, that Beam knows all the options that are meant for it.

    Raises:
        OptionError: if it does not know one, or one has a value that it cannot take.
    """
    parser = _BeamArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    try:
        _, unknown = parser.parse_known_args(beam_args)
    except argparse.ArgumentError as error:
        raise OptionError(
            f"behind `--`: {error}. See the options of the runner in Beam's docs."
        ) from error
    if unknown:
        raise OptionError(
            f"behind `--`: {' '.join(unknown)} is no option that Beam {beam.__version__} knows. "
            "seimai's own options stand before the `--`."
        )


def chosen_runner(beam_args: Sequence[str]) -> str | None:
    """The runner that Beam's options name, or None for seimai's own local processes."""
    runner: str | None = PipelineOptions(list(beam_args)).view_as(StandardOptions).runner
    return runner
