"""The experiment from start to end: `python -m examples.widths [--out FOLDER] [--widths 64 96] [--seeds 0] [--jobs 2]`.

Trains what is not trained yet, from where it was stopped, measures all that is trained, and writes results.json,
results.md, the figures, and a list for `eigenscope demo FOLDER` into the output folder.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from app.demo.lists import MANIFEST
from examples.widths.data import Text, text
from examples.widths.figures import draw
from examples.widths.measure import by_rule, ended, measure
from examples.widths.recipes import RULES, SEEDS, WIDTHS, Recipe, grid
from examples.widths.report import report
from examples.widths.train import DONE, Trained, train

FILES = ("model.safetensors", "config.json", "trainer_state.json", "training_args.json")
OUT = Path(__file__).parents[1] / "out" / "widths"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.widths", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="where runs, numbers and figures go")
    parser.add_argument("--widths", type=int, nargs="+", choices=WIDTHS, default=WIDTHS, help="only these")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="only these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at once; default: one a core")
    parser.add_argument("--measure", action="store_true", help="train nothing: measure what is trained already")
    asked = parser.parse_args()
    recipes = grid(tuple(asked.seeds), tuple(asked.widths))
    results = dict(zip(recipes, each(recipes, text(), asked.out, asked.jobs), strict=True)) if not asked.measure else {}
    conclude(results or known(asked.out), asked.out)


def known(out: Path) -> dict[Recipe, Trained]:
    """The runs that have ended already."""
    return {r: Trained(**json.loads((out / r.name / DONE).read_text())) for r in ended(out)}


def conclude(results: Mapping[Recipe, Trained], out: Path) -> None:
    """Measures the runs, and writes what came out."""
    found, together = by_rule(list(results), out), measure(list(results), out)
    said = {rule: measured.to_json() for rule, measured in found.items()} | {"together": together.to_json()}
    (out / "results.json").write_text(json.dumps(said, indent=1, allow_nan=False))
    text_of = report(found, together, results)
    (out / "results.md").write_text(text_of)
    (out / MANIFEST).write_text(json.dumps(manifest(list(results)), indent=1))
    print(text_of, *draw(found, out), sep="\n")


def manifest(recipes: Sequence[Recipe]) -> dict[str, object]:
    """What `eigenscope demo` shows of the experiment: every model of the first seed, and the family of each rule."""
    first = [recipe for recipe in recipes if recipe.seed == recipes[0].seed]
    families = {rule: [r.name for r in first if r.rule == rule or r.width == WIDTHS[0]] for rule in RULES}
    asked = {"top_singular_value": {"quantiles": True}}
    return {
        "checkpoints": [
            {"name": recipe.name, "files": [f"{recipe.name}/{file}" for file in FILES]} for recipe in first
        ],
        "runs": [{"checkpoints": names, "diagnostics": asked} for names in families.values() if len(names) > 1],
    }


def each(recipes: Sequence[Recipe], data: Text, out: Path, jobs: int) -> Iterator[Trained]:
    """The results in order. Each run has one thread, so that its numbers do not hang on how many cores there are."""
    work = partial(train, data=data, folder=out)
    with multiprocessing.get_context("spawn").Pool(jobs, torch.set_num_threads, (1,)) as pool:
        for number, (recipe, result) in enumerate(zip(recipes, pool.imap(work, recipes), strict=True), 1):
            said = f"test loss {result.test_loss:.3f}, {result.seconds:.0f} s"
            print(f"[{number}/{len(recipes)}] {recipe.name}: {said}", file=sys.stderr, flush=True)
            yield result


if __name__ == "__main__":
    main()
