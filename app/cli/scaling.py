"""`eigenscope scaling`: reads models of several widths and prints exponents and a recipe. Needs no service."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table as Grid
from rich.text import Text

from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.errors import FactError, OptionError
from analysis.facts import Stated, parse_facts
from analysis.findings.wording import two_places
from analysis.report import Report
from analysis.width_scaling.advice import NO_FAMILY, NO_SETTINGS, advice, recipe_of
from analysis.width_scaling.family import Family, Kind, Scaling, family, scaling
from analysis.width_scaling.law import STEADY, Estimate, Pair
from analysis.width_scaling.recipe import decouple_decay
from analysis.width_scaling.summary import name_kind as kind_called
from app.cli.analyze import name_paths, open_path, progress, refusals
from app.cli.listing.sentences import write_sentences
from app.cli.listing.tables import brief
from app.cli.listing.terminal import console, plain_grid
from app.cli.options import device_option
from app.cli.output import write_object
from app.escaping import for_terminal

SETTING = re.compile(r":(?=[A-Za-z_]+=)")


class Model(click.ParamType[tuple[Path, Stated]]):
    """A file or folder, with facts after a colon: "small.safetensors:width=256,lr=1e-3,wd=0.1,steps=20000"."""

    name = "FILE[:width=N,lr=X,wd=X,steps=N]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Path, Stated]:
        if isinstance(value, tuple):
            return value
        path, *rest = SETTING.split(value, maxsplit=1)
        if not Path(path).exists():
            self.fail(f"{path!r} does not exist", param, ctx)
        try:
            return Path(path), parse_facts(rest[0] if rest else "")
        except FactError as error:
            self.fail(f"{path}: {error.message}", param, ctx)


@click.command("scaling")
@click.argument("models", nargs=-1, required=True, type=Model())
@click.option("--target-width", type=click.IntRange(1), help="Width for the recipe. Default: twice the widest.")
@click.option("--independent-decay", is_flag=True,
              help="The wd= values are independent of lr, w ← w - λ w: divide them by lr.")  # fmt: skip
@click.option("--quantiles", is_flag=True, help="Also compare the shapes of the spectra. Takes several times as long.")
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, including the fits and the recipe.")
def scaling_command(
    models: tuple[tuple[Path, Stated], ...],
    target_width: int | None,
    independent_decay: bool,
    quantiles: bool,
    device: str,
    as_json: bool,
) -> None:
    """Does the recipe transfer? How σ₁ scales over MODELS of several widths, compared with √(η/λ) · d^0.75."""
    if len(models) < 2:
        raise click.UsageError("a family needs two models or more")
    paths = [path for path, _ in models]
    all_facts = [_as_pytorch(path, facts) if independent_decay else facts for path, facts in models]
    with refusals():
        checkpoints = [open_path(path) for path in paths]
        with progress(checkpoints[:1]) as callback:
            selection = requests({"top_singular_value": {"quantiles": quantiles}})
            report = compare(checkpoints, selection, name_paths(paths), device, callback, all_facts)
    (write_json if as_json else write)(report, target_width)


def _as_pytorch(path: Path, told: Stated) -> Mapping[str, float | str]:
    if "weight_decay" not in told:
        return told
    if "learning_rate" not in told:
        raise click.BadParameter(f"{path}: --independent-decay divides wd= by lr=, which is not given")
    try:
        decay, rate = float(told["weight_decay"]), float(told["learning_rate"])
        return {**told, "weight_decay": decouple_decay(decay, rate)}
    except OptionError as error:
        raise click.BadParameter(f"{path}: {error.message}: give lr=") from error


def write_json(report: Report, target: int | None) -> None:
    write_object({**report.to_json(), **advice(report.tables[0], target)})


def write(report: Report, target: int | None) -> None:
    terminal = console()
    model_family = family(report.tables[0])
    if model_family is not None:
        terminal.print(_members(model_family))
        terminal.print()
        terminal.print(_kinds(scaling(model_family)))
    write_sentences(terminal, report)
    recipe = recipe_of(model_family, target) if model_family else NO_FAMILY
    text = recipe.to_python() if not isinstance(recipe, str) else recipe
    terminal.print()
    terminal.print(Text(f"{text}: lr= and wd=" if text == NO_SETTINGS else text), soft_wrap=True)


def _grid(*headings: str) -> Grid:
    grid = plain_grid()
    for index, heading in enumerate(headings):
        grid.add_column(Text(heading), justify="right" if index else "left", overflow="fold")
    return grid


def _members(family: Family) -> Grid:
    grid = _grid("Model", "d", "η", "λ", "Steps", "steps·η·λ", "State")
    for name, setting in zip(family.names, family.settings, strict=True):
        product = setting.steps_eta_lambda
        state = "–" if product is None else "steady" if product >= STEADY else "not steady"
        numbers = (setting.width, setting.learning_rate, setting.weight_decay, setting.step, product)
        grid.add_row(Text(for_terminal(name)), *map(brief, numbers), state)
    return grid


def _kinds(fits: Scaling) -> Grid:
    """A row for each kind of weight: exponents, and σ₁ of each wider model over the narrowest, beside the law's."""
    family = fits.family
    wider = [f"×, d = {family.settings[index].width:g}" for index in family.wider]
    if fits.overall:  # what the law speaks of starts from another model where it says nothing of the narrowest
        ends = [[family.settings[index].width for index in (one.base, one.target)] for one in fits.overall.instead]
        wider += [f"×, d = {low:g} → {high:g}" for low, high in ends]
    grid = _grid("Weights", "Exponent of d", "95 %", "Drift of σ₁", "of η/λ", *wider)
    for kind in fits.kinds:
        grid.add_row(f"{kind_called(kind)}{'' if kind in fits.matrices else f' ({kind.layers.kind})'}", *_row(kind))
    if fits.overall:
        grid.add_row("all matrices", *_row(fits.overall))
        of_law = [brief(pair.predicted) for pair in _columns(fits.overall)]
        grid.add_row("the law", "0.75", "", "", "0.5", *of_law, style="dim")
    return grid


def _row(kind: Kind) -> Sequence[str]:
    fit = kind.fit
    ends = fit.exponent.widest if fit.exponent else None
    pairs = [f"{two_places(pair.measured)} {pair.law.symbol if pair.law else ''}".strip() for pair in _columns(kind)]
    interval = f"{two_places(ends[0])} to {two_places(ends[1])}" if ends else "–"
    return [_format_estimate(fit.exponent), interval, _format_estimate(fit.drift), _format_estimate(fit.ratio), *pairs]


def _columns(kind: Kind) -> Sequence[Pair]:
    return (*kind.pairs, *kind.instead)


def _format_estimate(estimate: Estimate | None) -> str:
    return "–" if estimate is None else two_places(estimate.value)
