"""`--device`, as every command has it: refused with what there is, before a file is opened."""

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
