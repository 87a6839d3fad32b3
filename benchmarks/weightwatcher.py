"""A whole model, ours against WeightWatcher: `python -m benchmarks.weightwatcher [model.safetensors]`.

Both get the tensors in memory, analyse the same 39 matrices of all-MiniLM-L6-v2 and compute their default columns.
"""

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from analysis.diagnostic import measure
from analysis.diagnostics import requests
from analysis.matrices import Header, describe, weights
from benchmarks.examples import minilm
from benchmarks.timing import markdown, paired, ratio_row

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter("ignore")
    import weightwatcher as ww


def ours(state: Mapping[str, Tensor]) -> int:
    headers = {name: Header(tuple(t.shape), str(t.dtype).removeprefix("torch."), t.nbytes) for name, t in state.items()}
    found = 0
    for info in describe(headers):
        for weight in weights(info, state[info.name]):
            found += len([measure(request, (weight,)) for request in requests()])
    return found


def module(state: Mapping[str, Tensor]) -> nn.Module:
    model = nn.Module()
    for name, matrix in state.items():
        layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
        layer.weight.data = matrix
        model.add_module(name.replace(".", "/"), layer)
    return model


def main() -> None:
    logging.getLogger("weightwatcher").setLevel(logging.CRITICAL)
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else minilm()
    state = {n: t for n, t in load_file(path).items() if t.ndim == 2 and t.is_floating_point() and min(t.shape) >= 8}
    watcher = ww.WeightWatcher(model=module(state))
    mine, theirs = paired(lambda: ours(state), watcher.analyze, 5)
    print(markdown(("whole model", "Eigenscope", "WeightWatcher 0.7.7", "ratio"),
                   [ratio_row(f"{len(state)} matrices of {path.parent.parent.name}", mine, theirs)]))  # fmt: skip


if __name__ == "__main__":
    main()
