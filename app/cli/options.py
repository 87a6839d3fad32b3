"""What several commands take: `--device`, files and diagnostics, refused with what there is before a file is opened."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from analysis.engine.device import best_device, check_device
from analysis.errors import OptionError


def _check(context: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        return check_device(value)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error


device_option = click.option(
    "--device", default=best_device, callback=_check, help="cpu or cuda. Default: cuda if available."
)


ALIKE = 0.85  # of the letters of a file's name: endings are all the same


def suggest(wrong: str, known: Iterable[str], alike: float = 0.6) -> str:
    """The nearest of what there is, as the end of a refusal; "" where nothing is near.

    >>> suggest("esdd", ["esd", "norms"])
    " Did you mean 'esd'?"
    """
    near = difflib.get_close_matches(wrong, list(known), 3, alike)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


class NamedChoice(click.Choice[str]):
    """One of a few names; the nearest is told where there is none of that name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            near = suggest(str(value), map(str, self.choices))
            raise click.BadParameter(f"{error.message}{near}", ctx, param) from None


class InputPath(click.Path):
    """A file or folder that is there; where it is not, the nearest name beside it is told."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            path = Path(value)
            near = suggest(path.name, (each.name for each in _list_folder(path.parent)), ALIKE)
            raise click.BadParameter(f"{error.message}{near}", ctx, param) from None


def _list_folder(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


INPUT = InputPath()
