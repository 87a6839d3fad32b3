"""Pages of a report of 1,000 layers that nobody asked for before: `python -m benchmarks.pages`.

One reader, one request after the other, each with an address of its own, so that no kept answer helps: what a first
visit and a new question cost the server. Asked: 150 ms for the page, 100 ms for another order, filter or figure. Only
the first page of a report reads its rows from the database: the table has it apart, over several reports.
"""

import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from app.settings import Settings
from benchmarks.service import GZIP, analysed, burnt, fill, weights
from benchmarks.timing import markdown, spoken
from docs.browser import serve

HEAD = ("1,000 layers", "requests", "median", "slowest", "CPU of the server", "gzip")
OTHERS = 4  # reports whose first page is asked for
COLUMNS = ("alpha", "D", "stable_rank", "log_norm", "spectral_norm", "alpha_weighted", "xmin", "num_evals")


def addresses(run: int) -> dict[str, list[str]]:
    """Of each kind some that differ, so that every one is made anew."""
    page, api = f"/runs/{run}", f"/api/v1/runs/{run}"
    return {
        "page": [f"{page}?q={number}" for number in ("", "layers", "model", "weight", "proj", "mlp", "attn", "self")],
        "page of some layers": [f"{page}?q=layers.{number}." for number in range(1, 9)],
        "page in another order": [f"{page}?sort={name}" for name in COLUMNS],
        "report": [f"{api}/report?fields={name}" for name in COLUMNS],
        "figure": [f"{api}/figures/esd/{name}.depth" for name in ("alpha", "D", "xmin", "num_evals")],
    }


def get(address: str) -> tuple[float, int]:
    """Seconds until it was read in full, and its bytes as they were sent."""
    began = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(address, headers=GZIP), timeout=60.0) as answer:
        size = len(answer.read())
    return time.perf_counter() - began, size


def row(title: str, base: str, paths: Sequence[str], process: int) -> tuple[str, ...]:
    before = burnt(process)
    found = [get(base + path) for path in paths]
    each = (burnt(process) - before) / len(paths)
    seconds = [one for one, _ in found]
    size = f"{median(size for _, size in found) / 1000:.0f} kB"
    return title, str(len(paths)), spoken(median(seconds)), spoken(max(seconds)), spoken(each), size


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serve(folder, EIGENSCOPE_KEEP_RESULTS_DAYS="0") as (base, process):
            small = analysed(base, weights(folder, 10, 96), wait=True)
            run, *others = (fill(Settings(data_dir=folder / "data"), small) for _ in range(1 + OTHERS))
            get(f"{base}/")  # templates are read once
            rows = [row("page, the first of all", base, [f"/runs/{run}"], process)]
            rows.append(row("page, the first of a report", base, [f"/runs/{other}" for other in others], process))
            rows += [row(title, base, paths, process) for title, paths in addresses(run).items()]
    print(markdown(HEAD, rows))


if __name__ == "__main__":
    main()
