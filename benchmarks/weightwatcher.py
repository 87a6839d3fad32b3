"""A whole model, ours against WeightWatcher: `python -m benchmarks.weightwatcher [model.safetensors]`.

Both get the tensors in memory and analyse the same 39 matrices of all-MiniLM-L6-v2: first their default columns, then
also the Marchenko-Pastur fit, the shuffled matrices and the ERG condition, ours in the mode that gives its numbers.
"""

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from analysis.diagnostic import Request, measure
from analysis.diagnostics import requests
from analysis.matrices import Header, describe, weights
from benchmarks.examples import minilm
from benchmarks.timing import markdown, paired, ratio_row

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter("ignore")
    import weightwatcher as ww


DEFAULT = requests()
BATTERY = requests({"esd": {}, "norms": {}, "erg": {}, "random_matrix": {"compat": "weightwatcher"}})


def ours(state: Mapping[str, Tensor], asked: Sequence[Request]) -> int:
    headers = {name: Header(tuple(t.shape), str(t.dtype).removeprefix("torch."), t.nbytes) for name, t in state.items()}
    found = 0
    for info in describe(headers):
        for weight in weights(info, state[info.name]):
            found += len([measure(request, (weight,)) for request in asked])
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
    plain = paired(lambda: ours(state, DEFAULT), watcher.analyze, 5)
    full = paired(lambda: ours(state, BATTERY), lambda: watcher.analyze(mp_fit=True, randomize=True, detX=True), 1)
    rows = [ratio_row(f"{len(state)} matrices, {what}", *times) for what, times in (("default", plain), ("all", full))]
    print(markdown(("whole model", "Eigenscope", "WeightWatcher 0.7.7", "ratio"), rows))


if __name__ == "__main__":
    main()
