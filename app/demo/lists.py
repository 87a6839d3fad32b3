"""What the demo shows: checkpoints by name and the runs over them, by ourselves or as an experiment lists them.

An experiment lists its own in `demo.json`, as `make example` and `make widths` write it: {"checkpoints": [{"name": …,
"files": [path, …]}], "runs": [{"checkpoints": [name, …], "diagnostics": {…}}]}, the base first, paths relative to the
folder. Without runs: one over the base, and one over all of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from analysis.linalg.libraries import limit
from app.demo import minilm, synthetic, widths
from app.errors import BadUpload
from app.runs import runs

MANIFEST = "demo.json"

Files = dict[str, list[Path]]
Settled = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run over the checkpoints of these names; without diagnostics, with the default ones."""

    names: tuple[str, ...]
    diagnostics: Settled | None = None


@dataclass(frozen=True, slots=True)
class DemoList:
    """What is to be there: each checkpoint's files by its name, base first, and the runs over them."""

    files: Files
    runs: tuple[Wanted, ...]

    @classmethod
    def of(cls, files: Files, runs_over: Sequence[Wanted] = ()) -> Self:
        names = tuple(files)
        usual = [Wanted(names[:1]), *([Wanted(names[: runs.MOST_CHECKPOINTS])] if len(names) > 1 else ())]
        return cls(files, tuple(runs_over or usual))


def write_list(folder: Path) -> DemoList:
    """Our own: a base, a LoRA and a full fine-tune of it, and models of four widths, written into the folder.

    The base is all-MiniLM-L6-v2 where its package is installed, else made up like all the others.
    """
    model = minilm.find()
    with limit(1):  # matrices so small are slower on several threads
        tuned = DemoList.of(synthetic.write(folder) if model is None else minilm.write(folder, model))
        family = widths.write(folder)
    over_widths = Wanted(tuple(family), {"top_singular_value": {"quantiles": True}})
    return DemoList({**tuned.files, **family}, (*tuned.runs, over_widths))


def list_experiment(experiment: Path) -> DemoList:
    """What the experiment's folder lists. Raises BadUpload where that is none."""
    path = experiment / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files_by_name = {
            str(each["name"]): [experiment / file for file in each["files"]] for each in manifest["checkpoints"]
        }
        wanted_runs = [Wanted(tuple(each["checkpoints"]), each.get("diagnostics")) for each in manifest.get("runs", ())]
    except OSError as error:
        raise BadUpload(f"{path} cannot be read: {error.strerror}. `make example` writes it.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadUpload(f"{path} lists no checkpoints with names and files: run `make example` again.") from error
    missing = [str(file) for files in files_by_name.values() for file in files if not file.is_file()]
    if missing:
        raise BadUpload(f"{path} lists {missing[0]}, which does not exist: run `make example` again.")
    if strange := [name for each in wanted_runs for name in each.names if name not in files_by_name]:
        raise BadUpload(f"{path} asks for a run over {strange[0]}, which it does not list: run `make example` again.")
    return DemoList.of(files_by_name, wanted_runs)
