"""The experiment from start to end: `make example`, or `python -m examples [--out FOLDER] [--seeds 0] [--jobs 2]`.

Trains what is not trained yet, measures it, writes results.json, results.md and the figures into the output folder, and
lists a base and four of its tuned for `eigenscope demo FOLDER`.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from app.demo.lists import MANIFEST
from examples.claims import Run, sentences
from examples.data import Split, task, unrelated
from examples.figures import draw
from examples.measure import files, measure
from examples.model import folder as base_folder
from examples.recipes import Recipe, grid
from examples.train import Trained, train

OUT = Path(__file__).parent / "out"
SHOWN = ("full", "lora-r1-a2", "lora-r8-a16", "lora-r64-a128")  # on the dashboard, of the higher rate
Data = tuple[tuple[Split, Split], tuple[str, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="where runs, numbers and figures go")
    parser.add_argument("--seeds", type=int, nargs="*", help="only these; default: all of the grid")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at once; default: one a core")
    asked = parser.parse_args()
    recipes = [recipe for recipe in grid() if asked.seeds is None or recipe.seed in asked.seeds]
    asked.out.mkdir(parents=True, exist_ok=True)
    runs = experiment(recipes, texts(asked.out), asked.out, asked.jobs)
    (asked.out / "results.json").write_text(json.dumps([asdict(run) for run in runs], indent=1))
    (asked.out / "results.md").write_text(report(runs))
    (asked.out / MANIFEST).write_text(json.dumps(manifest(recipes, asked.out), indent=1))
    print(report(runs), *draw(runs, asked.out), sep="\n")


def texts(out: Path) -> Data:
    """The texts, kept beside the runs: collecting them parses some thousand files."""
    path = out / "texts.json"
    if not path.exists():
        splits = task()
        path.write_text(json.dumps({"splits": [asdict(split) for split in splits], "probes": unrelated()}))
    found = json.loads(path.read_text())
    train_on, test_on = (Split(tuple(split["texts"]), tuple(split["labels"])) for split in found["splits"])
    return (train_on, test_on), tuple(found["probes"])


def experiment(recipes: Sequence[Recipe], data: Data, out: Path, jobs: int) -> list[Run]:
    trained = list(each(recipes, partial(train, data=data[0], probes=data[1], folder=out), jobs))
    found = measure(recipes, out)
    return [Run(recipe, result, found[recipe.name]) for recipe, result in zip(recipes, trained, strict=True)]


def each(recipes: Sequence[Recipe], work: Callable[[Recipe], Trained], jobs: int) -> Iterator[Trained]:
    """The results in order. Each run has one thread, so that its numbers do not hang on how many cores there are."""
    with multiprocessing.get_context("spawn").Pool(jobs, torch.set_num_threads, (1,)) as pool:
        for number, (recipe, result) in enumerate(zip(recipes, pool.imap(work, recipes), strict=True), 1):
            said = f"accuracy {result.accuracy:.3f}, forgetting {result.forgetting:.3f}, {result.seconds:.0f} s"
            print(f"[{number}/{len(recipes)}] {recipe.title}, seed {recipe.seed}: {said}", file=sys.stderr, flush=True)
            yield result


def report(runs: Sequence[Run]) -> str:
    """The table of runs and the claims in numbers, as Markdown."""
    head = (
        "| run | seed | lr | intruders | guarded | matrices with | ‖ΔW‖/‖W₀‖ | effective rank | accuracy | forgetting |"
    )
    lines = [head, "|---|" + "---:|" * 9]
    for run in runs:
        found, result = run.found, run.result
        lines.append(
            f"| {run.recipe.title} | {run.recipe.seed} | {run.recipe.rate:.2g} | {found.intruders} | {found.guarded} "
            f"| {found.matrices_with} of {found.matrices} | {found.relative_norm:.3f} | {found.effective_rank:.1f} "
            f"| {result.accuracy:.3f} | {result.forgetting:.3f} |"
        )
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in sentences(runs)), ""])


def manifest(recipes: Sequence[Recipe], out: Path) -> dict[str, object]:
    """What `eigenscope demo` shows of the experiment: the base, and a run of each kind."""
    chosen = [r for r in recipes if r.seed == recipes[0].seed and r.name.startswith(tuple(f"{s}-high" for s in SHOWN))]
    entries = [{"name": "MiniLM, as pre-trained", "files": [str(base_folder() / "model.safetensors")]}]
    for recipe in chosen:
        paths = [str(path.relative_to(out)) for path in files(recipe, out)]
        entries.append({"name": f"MiniLM, {recipe.title}", "files": paths})
    return {"checkpoints": entries}


if __name__ == "__main__":
    main()
