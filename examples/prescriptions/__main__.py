"""An experiment from start to end: `python -m examples.prescriptions KIND… [--out FOLDER] [--seeds 0 1 2] [--jobs 2]`.

KIND is sparsity, lora-rank, trainable or quantisation; without one, all four. Trains the little LLaMA of each seed
unless it is there, and writes KIND.json and KIND.md into the output folder.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from examples.prescriptions.data import SEEDS, texts
from examples.prescriptions.experiments import EXPERIMENTS, Experiment, experiment
from examples.prescriptions.report import sentence, table
from examples.prescriptions.runs import run
from examples.prescriptions.trials import Outcome

OUT = Path(__file__).parents[1] / "out" / "prescriptions"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.prescriptions", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="which experiments; default: all four")
    parser.add_argument("--out", type=Path, default=OUT, help="where models, numbers and tables go")
    parser.add_argument("--seeds", type=int, nargs="+", default=range(SEEDS), help="two or more of 0, 1 and 2")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at once; default: one a core")
    asked = parser.parse_args()
    known = [each.kind for each in EXPERIMENTS]
    if unknown := [kind for kind in asked.kinds if kind not in known]:
        parser.error(f"there is no experiment {', '.join(unknown)}; there are: {', '.join(known)}")
    given = texts(asked.out)
    for kind in asked.kinds or known:
        chosen = experiment(kind)
        found, seconds = run(chosen, tuple(asked.seeds), given, asked.out, asked.jobs)
        record(chosen, found, asked.seeds, seconds, asked.out)
        print((asked.out / f"{kind}.md").read_text())


def record(chosen: Experiment, found: Sequence[Outcome], seeds: Sequence[int], seconds: float, out: Path) -> None:
    """Writes KIND.json and KIND.md."""
    told = {
        "kind": chosen.kind,
        "command": f"python -m examples.prescriptions {chosen.kind}",
        "seeds": list(seeds),
        "processor_seconds": round(seconds),
        "sentence": sentence(chosen, found),
        "outcomes": [outcome.to_json() for outcome in found],
    }
    (out / f"{chosen.kind}.json").write_text(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    (out / f"{chosen.kind}.md").write_text(table(chosen, found))


if __name__ == "__main__":
    main()
