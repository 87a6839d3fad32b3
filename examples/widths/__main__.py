"""The experiment from start to end: `python -m examples.widths [--out FOLDER] [--widths 64 96] [--seeds 0] [--jobs 2]`.

Trains what is not trained yet, from where it was stopped.
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch

from examples.widths.data import Text, text
from examples.widths.recipes import SEEDS, WIDTHS, Recipe, grid
from examples.widths.train import Trained, train

OUT = Path(__file__).parents[1] / "out" / "widths"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.widths", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="where runs, numbers and figures go")
    parser.add_argument("--widths", type=int, nargs="+", choices=WIDTHS, default=WIDTHS, help="only these")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="only these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at once; default: one a core")
    asked = parser.parse_args()
    recipes = grid(tuple(asked.seeds), tuple(asked.widths))
    for _ in each(recipes, text(), asked.out, asked.jobs):
        pass


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
