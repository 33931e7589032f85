"""The command line: what each command is called, takes and prints. No logic.

A command loads what it does when it is called, so that none waits for the libraries of the others.
"""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import click

from pipeline import console
from pipeline.errors import OptionError, SeimaiError
from pipeline.loading import loading, without_pandas
from pipeline.selection.recipe_file import shipped
from pipeline.url_secrets import without_secrets

if TYPE_CHECKING:
    from classifiers.bundle import Morphology
    from pipeline.execution import Execution

_SHAPES = ("default", "fineweb2", "strict-copies")
_EPILOG = (
    "Beam's own options follow `--`, as in `seimai run crawl/ --out RUN -- --runner=FlinkRunner`. "
    "Without them the work is done by local processes, one a core."
)


@click.group(epilog=_EPILOG, context_settings={"max_content_width": 100})
@click.version_option(package_name="seimai", prog_name="seimai")
def cli() -> None:
    """Polish the Japanese web into training data for language models."""


class _Classifiers(click.Group):
    """The commands of the classifiers, which stand with these."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self._loaded().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._loaded().get_command(ctx, cmd_name)

    def _loaded(self) -> click.Group:
        with loading():
            found: click.Group = import_module("classifiers.cli").classifiers
        return found


@cli.group("classifiers", cls=_Classifiers)
def classifiers_group() -> None:
    """Train, judge and explain the noise, affiliate and adult classifiers."""


_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _together(*options: _Decorator) -> _Decorator:
    """Several options as one decorator, in the order in which the help shows them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _mapping(_context: click.Context, _option: click.Parameter, value: str) -> dict[str, str]:
    """`text=body,url=link` as a dictionary."""
    pairs = [pair.partition("=") for pair in value.split(",") if pair]
    for name, sign, column in pairs:
        if not (name and sign and column):
            raise OptionError(f"--columns: {value!r} found, NAME=COLUMN,NAME=COLUMN… expected.")
    return {name: column for name, _, column in pairs}


_run_folder = click.argument("run", metavar="RUN")
_execution = _together(
    click.option("--workers", type=click.IntRange(1), help="Local processes; one a core if unset."),
    click.option("--quiet", is_flag=True, help="Draw no progress line."),
)
_reading = _together(
    click.argument("inputs", nargs=-1, required=True, metavar="INPUT..."),
    click.option("--out", "run", required=True, metavar="RUN", help="The run's folder."),
    click.option(
        "--columns",
        metavar="text=body,url=link",
        default="",
        callback=_mapping,
        help="Which columns of Parquet and JSONL hold the text, html, url, crawl_time, title.",
    ),
    click.option("--limit", type=click.IntRange(1), help="Read at most so many records: a trial."),
    click.option(
        "--task-size",
        type=click.IntRange(1),
        metavar="BYTES",
        help="Bytes of input a task covers; chosen by the size of the inputs if unset.",
    ),
    click.option(
        "--max-unreadable",
        type=click.FloatRange(0, 1),
        metavar="SHARE",
        default=0.1,
        show_default=True,
        help="Exit with 2 at the end if more than this share of the records was damaged, or of "
        "the inputs could not be read at all. What could be read is kept all the same.",
    ),
)
_bundle = click.option(
    "--bundle", metavar="FOLDER", help="A classifier bundle; the shipped one if unset."
)
_scoring = _together(
    _bundle,
    click.option(
        "--morphology",
        type=click.Choice(["auto", "all", "none"]),
        default="auto",
        show_default=True,
        help="Which documents are analysed morphologically: those the classifiers are unsure of, "
        "all, or none.",
    ),
)
_choosing = _together(
    click.option(
        "--recipe",
        "recipe_name",
        default="default",
        show_default=True,
        metavar="NAME|FILE",
        help=f"A recipe file, or one of {', '.join(shipped())}.",
    ),
    click.option("--name", help="The selection's name; the recipe's if unset."),
)
_in_texts = _together(
    click.option(
        "--contained/--no-contained",
        default=True,
        show_default=True,
        help="Look for texts that stand in a longer page of their site; reads every text.",
    ),
    click.option(
        "--paragraphs/--no-paragraphs",
        default=True,
        show_default=True,
        help="Count paragraphs that recur over many pages; reads every text.",
    ),
)
_older = click.option(
    "--with",
    "older",
    multiple=True,
    metavar="OLD_RUN",
    help="An older run to choose from as well, which RUN was grouped against; several if named "
    "several times.",
)


@cli.command("run")
@_reading
@_scoring
@_in_texts
@_choosing
@_execution
@click.pass_obj
def run_command(
    beam_args: Sequence[str],
    inputs: Sequence[str],
    run: str,
    columns: dict[str, str],
    limit: int | None,
    task_size: int | None,
    max_unreadable: float,
    bundle: str | None,
    morphology: "Morphology",
    contained: bool,
    paragraphs: bool,
    recipe_name: str,
    name: str | None,
    workers: int | None,
    quiet: bool,
) -> None:
    """Take a crawl to training shards: extract, score, group, select.

    A run that was stopped goes on where it was when the same command is given again.

    \b
    Examples:
      seimai run crawl/*.warc.gz --out RUN
      seimai run pages.parquet --columns text=body,url=link --out RUN --recipe strict
    """
    with loading():
        from classifiers.bundle import load
        from pipeline.jobs.extract import Reading, extract
        from pipeline.jobs.group import InTexts, group
        from pipeline.jobs.score import score
        from pipeline.jobs.select import select
        from pipeline.run import Run
        from pipeline.selection import recipe
    chosen = recipe.load(recipe_name)
    loaded = load(bundle)
    with _writing(run, beam_args, workers, quiet, begins=True) as execution:
        account = extract(inputs, Run(run), Reading(columns, limit, task_size), execution)
        score(Run(run), bundle, morphology, execution)
        grouped = group(Run(run), execution, in_texts=InTexts(contained, paragraphs))
        manifest = select(Run(run), chosen, name or chosen.name, execution, loaded.name)
    console.show_account(account, Run(run))
    console.show_groups(grouped)
    console.show_selection(Run(run).selected(name or chosen.name), manifest)
    account.hold_to(max_unreadable)


@cli.command("extract")
@_reading
@_execution
@click.pass_obj
def extract_command(
    beam_args: Sequence[str],
    inputs: Sequence[str],
    run: str,
    columns: dict[str, str],
    limit: int | None,
    task_size: int | None,
    max_unreadable: float,
    workers: int | None,
    quiet: bool,
) -> None:
    """Read a crawl into documents: text, metrics, flags, page facts, signatures.

    INPUT is a WARC, WET, Parquet or JSONL file, a folder, a glob, a URL of an object store, or
    @LIST, a file that names one input a line.

    \b
    Example:
      seimai extract crawl/ --out RUN --limit 1000
    """
    with loading():
        from pipeline.jobs.extract import Reading, extract
        from pipeline.run import Run
    with _writing(run, beam_args, workers, quiet, begins=True) as execution:
        account = extract(inputs, Run(run), Reading(columns, limit, task_size), execution)
    console.show_account(account, Run(run))
    account.hold_to(max_unreadable)


@cli.command("score")
@_run_folder
@_scoring
@_execution
@click.pass_obj
def score_command(
    beam_args: Sequence[str],
    run: str,
    bundle: str | None,
    morphology: "Morphology",
    workers: int | None,
    quiet: bool,
) -> None:
    """Score a run's documents for noise, affiliate and adult pages; no source page is read.

    \b
    Example:
      seimai score RUN --bundle my-bundle/
    """
    with loading():
        from pipeline.jobs.score import score
        from pipeline.run import Run
    with _writing(run, beam_args, workers, quiet) as execution:
        name = score(Run(run), bundle, morphology, execution)
    click.echo(f"scores: {Run(run).scores(name)}")


@cli.command("group")
@_run_folder
@click.option(
    "--shape",
    type=click.Choice(_SHAPES),
    default="default",
    show_default=True,
    help="How signatures are cut into bands.",
)
@click.option(
    "--against",
    multiple=True,
    metavar="OLD_RUN",
    help="An old run, grouped with the same shape: its documents count as members too. Give it "
    "several times to name the runs that an old run was itself joined to.",
)
@_in_texts
@_execution
@click.pass_obj
def group_command(
    beam_args: Sequence[str],
    run: str,
    shape: str,
    against: Sequence[str],
    contained: bool,
    paragraphs: bool,
    workers: int | None,
    quiet: bool,
) -> None:
    """Find which documents are copies of one another, exactly or nearly.

    \b
    Examples:
      seimai group RUN
      seimai group NEW_RUN --against OLD_RUN
      seimai group RUN_2025 --against RUN_2024 --against RUN_2023
      seimai group RUN --no-contained --no-paragraphs
    """
    with loading():
        from pipeline.dedup.buckets import SHAPES
        from pipeline.jobs.group import InTexts, group
        from pipeline.run import Run
    with _writing(run, beam_args, workers, quiet) as execution:
        in_texts = InTexts(contained, paragraphs)
        grouped = group(Run(run), execution, SHAPES[shape], against, in_texts)
    console.show_groups(grouped)


@cli.command("select")
@_run_folder
@_older
@_choosing
@_bundle
@_execution
@click.pass_obj
def select_command(
    beam_args: Sequence[str],
    run: str,
    older: Sequence[str],
    recipe_name: str,
    name: str | None,
    bundle: str | None,
    workers: int | None,
    quiet: bool,
) -> None:
    """Choose training documents by a recipe, and write them as shards; no page is read again.

    \b
    Examples:
      seimai select RUN --recipe strict
      seimai select RUN --recipe my.yaml --name trial-7
      seimai select RUN_2025 --with RUN_2024 --with RUN_2023
    """
    with loading():
        from classifiers.bundle import name_of
        from pipeline.jobs.select import select
        from pipeline.run import Run
        from pipeline.selection import recipe
    chosen = recipe.load(recipe_name)
    with _writing(run, beam_args, workers, quiet) as execution:
        made = select(Run(run), chosen, name or chosen.name, execution, name_of(bundle), older)
    console.show_selection(Run(run).selected(name or chosen.name), made)


@cli.command("report")
@_run_folder
@click.option("--selection", default="default", show_default=True, help="Whose pages are written.")
def report_command(run: str, selection: str) -> None:
    """Write a selection's report and data card again from stored data; nothing is decided anew.

    \b
    Example:
      seimai report RUN --selection strict
    """
    with loading():
        from pipeline.report.pages import report
        from pipeline.run import Run, sole_writer
    with sole_writer(run):
        paths = report(Run(run), selection)
    for path in paths:
        click.echo(path)


@cli.command("verify")
@click.argument("folder", metavar="RUN|SELECTION")
def verify_command(folder: str) -> None:
    """Check every byte, row and total of a run or a selection against what was committed.

    Exits 1 if anything is off.
    """
    with loading():
        from pipeline.verify import verify
    found = verify(folder)
    click.echo(found.table())
    if not found.sound:
        sys.exit(1)


@cli.command("explain")
@click.argument("run", required=False, metavar="[RUN]")
@click.argument("document", required=False, metavar="[ID]")
@click.option("--url", help="The document's URL, instead of its id.")
@click.option("--selection", default="default", show_default=True, help="Whose decision is told.")
@click.option("--text", type=click.File("rb"), help="Any text file, instead of a run; - is stdin.")
@click.option("--recipe", "recipe_name", help="What a --text is judged by; `default` if unset.")
def explain_command(
    run: str | None,
    document: str | None,
    url: str | None,
    selection: str,
    text: BinaryIO | None,
    recipe_name: str | None,
) -> None:
    """Tell a document's whole story: every reason with value and threshold, and its survivor.

    \b
    Examples:
      seimai explain RUN 00c1d6a3f0e2b59747aa19d0f7e3a1b2
      seimai explain RUN --url https://example.jp/ --selection strict
      seimai explain --text page.txt --recipe strict
    """
    with loading():
        from pipeline.decode import decode
        from pipeline.explain import explain, explain_text
        from pipeline.selection import recipe
    if text is not None and run is None:
        judging = recipe.load(recipe_name or "default")
        told = explain_text(decode(text.read(), None).text, judging)
    elif run is not None and text is None:
        if recipe_name is not None:
            raise OptionError("explain: --recipe is for --text; a RUN has what --selection names.")
        told = explain(run, document, url, selection)
    else:
        raise OptionError("explain: give either a RUN or --text, and not both.")
    click.echo(console.plain(told))


@cli.command("compare")
@_run_folder
@click.option(
    "--recipes",
    "recipe_names",
    required=True,
    metavar="NAME,NAME...",
    help="Recipe files or shipped recipes, two or more.",
)
@click.option("--out", metavar="FOLDER", help="Where the page and its JSON go; below RUN if unset.")
@_older
@_bundle
@_execution
@click.pass_obj
def compare_command(
    beam_args: Sequence[str],
    run: str,
    recipe_names: str,
    out: str | None,
    older: Sequence[str],
    bundle: str | None,
    workers: int | None,
    quiet: bool,
) -> None:
    """Select by several recipes and show side by side what each keeps, of whom, and why not.

    \b
    Example:
      seimai compare RUN --recipes raw,light,default,strict
    """
    with loading():
        from classifiers.bundle import name_of
        from pipeline.compare import compare, default_folder
        from pipeline.run import Run
        from pipeline.selection import recipe
    recipes = [recipe.load(name) for name in recipe_names.split(",")]
    folder = out or default_folder(Run(run), recipes)
    with _writing(run, beam_args, workers, quiet) as execution:
        found = compare(Run(run), recipes, execution, name_of(bundle), folder, older)
    console.show_comparison(folder, found)


@cli.command("erase")
@_run_folder
@click.option("--hosts", multiple=True, metavar="FILE", help="Hosts, one a line, with all below.")
@click.option("--urls", multiple=True, metavar="FILE", help="URLs, one a line.")
def erase_command(run: str, hosts: Sequence[str], urls: Sequence[str]) -> None:
    """Remove the texts of some hosts or pages from a run, for good; the books stay true.

    \b
    Example:
      seimai erase RUN --hosts takedown.txt
    """
    with loading():
        from pipeline.erase import erase
        from pipeline.run import Run, sole_writer
        from pipeline.selection.recipe import ListFile, Takedown
    if not (hosts or urls):
        raise OptionError("erase: neither --hosts nor --urls is given, one of them is expected.")
    takedown = Takedown(
        hosts=tuple(ListFile.of(Path(path)) for path in hosts),
        urls=tuple(ListFile.of(Path(path)) for path in urls),
    )
    with sole_writer(run):
        erased = erase(Run(run), takedown)
    click.echo(f"erased: {erased.documents:,} documents")
    for shard in erased.stale:
        click.echo(f"stale until selected again: {shard}")
    for page in erased.pages:
        click.echo(f"may show their texts until written again or removed: {page}")


@cli.group("evaluate")
def evaluate_group() -> None:
    """Hold a run against what people know of its pages."""


@evaluate_group.command("duplicates")
@_run_folder
@click.option("--truth", required=True, metavar="FILE", help="A TSV of family, url and kind.")
@click.option(
    "--read",
    metavar="FILE",
    help="A TSV of what a reader says of the disagreements: outcome, url, other, mistaken "
    "(list or run), reason.",
)
def evaluate_duplicates_command(run: str, truth: str, read: str | None) -> None:
    """Precision and recall of a run's groups, by pair and by family, and every disagreement.

    \b
    Example:
      seimai evaluate duplicates RUN --truth duplicates.tsv
      seimai evaluate duplicates RUN --truth duplicates.tsv --read docs/duplicates-read.tsv
    """
    with loading():
        from pipeline.dedup.evaluation import evaluate
    for line in evaluate(run, truth, read).lines():
        click.echo(line)


@cli.group("export")
def export_group() -> None:
    """Write a selection in the form that a trainer reads."""


@export_group.command("megatron")
@click.argument("selection", metavar="SELECTION")
@click.option(
    "--tokenizer",
    required=True,
    metavar="FILE",
    help="A .json of tokenizers, or a .model of sentencepiece.",
)
@click.option("--out", "prefix", required=True, metavar="PREFIX", help="PREFIX.bin, .idx, .json.")
@click.option("--end-token", metavar="TOKEN", help="The token that ends a document.")
@click.option(
    "--split",
    type=click.Choice(["train", "validation"]),
    default="train",
    show_default=True,
    help="Which documents.",
)
def export_megatron_command(
    selection: str, tokenizer: str, prefix: str, end_token: str | None, split: str
) -> None:
    """Write tokens and their index as Megatron's indexed dataset.

    \b
    Example:
      seimai export megatron RUN/selected/default --tokenizer ja.json --out data/ja
    """
    with loading():
        from pipeline.export import export_megatron, load_tokenizer
    done = export_megatron(selection, prefix, load_tokenizer(tokenizer, end_token), split)
    click.echo(f"{done.documents:,} documents, {done.tokens:,} tokens: {prefix}.bin")


def main() -> NoReturn:
    """The program: Beam's options are cut off at `--`; an error is one message for a person."""
    own, beam_args = _split(sys.argv[1:])
    without_pandas()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _check(beam_args)
        cli.main(own, prog_name="seimai", obj=beam_args, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except SeimaiError as error:
        click.echo(f"seimai: {console.plain(without_secrets(str(error)))}", err=True)
        sys.exit(2)
    except OSError as error:  # a file that the user named, or the standard output
        what = error.filename or "the standard output"
        click.echo(f"seimai: {console.plain(f'{what}: {error.strerror or error}')}.", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("seimai: stopped; what was done is kept. The same command goes on.", err=True)
        sys.exit(130)
    sys.exit(0)


def _check(beam_args: Sequence[str]) -> None:
    """Make sure, before any work, that Beam knows all the options that are meant for it."""
    if beam_args:
        with loading():
            from pipeline.graph import check_options
        check_options(beam_args)


@contextmanager
def _writing(
    run: str, beam_args: Sequence[str], workers: int | None, quiet: bool, *, begins: bool = False
) -> "Iterator[Execution]":
    """The right to write to a run, or to begin one, and the means.

    What a command has to tell, it tells afterwards: who reads it may have gone.
    """
    with loading():
        from pipeline.execution import Execution
        from pipeline.run import sole_writer
    means = Execution(workers, beam_args, progress=not quiet)
    with sole_writer(run, begins=begins), means as execution:
        yield execution


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The program's own arguments, and Beam's: those behind `--`, and `--runner` wherever it is."""
    own, beam_args = list(arguments), []
    if "--" in own:
        place = own.index("--")
        own, beam_args = own[:place], own[place + 1 :]
    for place, argument in enumerate(own):
        if argument == "--runner":
            return own[:place] + own[place + 2 :], own[place : place + 2] + beam_args
        if argument.startswith("--runner="):
            return own[:place] + own[place + 1 :], [argument, *beam_args]
    return own, beam_args


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
