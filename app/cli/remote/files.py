"""Which files go to a service; the command says which ones do not."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from analysis.formats.facts import config_facts
from analysis.names.checkpoints import STEP, guess, is_usual
from app.cli.output import errors
from app.client.files import Named, choose_files
from app.escaping import for_terminal


def name_upload(paths: Sequence[Path], name: str | None = None) -> str:
    """What to call a checkpoint: as asked, or as its file or folder is called.

    Where every model's is called so, as config.json beside the weights says, or as the folder around is called.
    """
    path = paths[0].absolute()
    usual = is_usual(f"{path.name}.safetensors" if path.is_dir() else path.name)
    if name or not usual or (path.is_dir() and STEP.fullmatch(path.name)):
        return name or path.name
    around = path.parent.name
    known = guess(config_facts(path if path.is_dir() else path.parent))
    return known or (path.name if not around or is_usual(f"{around}.safetensors") else around)


def to_send(paths: Sequence[Path]) -> Named:
    """The files with what to call them; says which ones of a folder are not sent, and why."""
    files, left_out = choose_files(paths)
    for name, reason in left_out.items():
        errors.print(Text(for_terminal(f"not sent: {name} ({reason})")), style="dim", soft_wrap=True)
    return files
