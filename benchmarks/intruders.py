"""Intruder dimensions against the authors' two full SVDs, on one thread: `python -m benchmarks.intruders [ROWS …]`.

CPU seconds, so that other work on the machine counts for neither. Gaussian bases are the hardest for the search of the
leading directions, for their largest singular values lie closest together. PEFT's reduce_intruder_dimension stands
beside both where it finds nothing to reduce, so that it does no more than look.
"""

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from analysis.diagnostic import Measurement, Request, measure
from analysis.diagnostics.intruders.diagnostic import INTRUDERS
from analysis.linalg.triplets import triplets
from analysis.weight import Factors, Weight, WeightInfo
from benchmarks.timing import markdown, one_thread, spoken

SHAPES = ((768, 768, 5), (3072, 768, 3), (2048, 2048, 1), (4096, 4096, 1))
REQUEST = Request(INTRUDERS, INTRUDERS.settings({}))
K, EPSILON = 10, 0.5
LAYERS, RANK = 4, 8  # of the model that PEFT gets
SHARED, BASE = "each of the three on one base", "the base's decomposition"
Seconds = tuple[list[float], list[float], list[float]]
Found = TypeVar("Found")


def randn(*shape: int, seed: int) -> Tensor:
    drawn: Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn


def steep(rows: int, columns: int) -> Tensor:
    """Singular values i^-½, as trained weights have rather than noise."""
    side = min(rows, columns)
    left, right = (torch.linalg.qr(randn(n, side, seed=seed)).Q for n, seed in ((rows, 0), (columns, 1)))
    matrix: Tensor = (left * torch.arange(1.0, side + 1.0).pow(-0.5)) @ right.T
    return matrix


def weight(matrix: Tensor, base: Weight | None = None, factors: Factors | None = None) -> Weight:
    rows, columns = matrix.shape
    return Weight(WeightInfo("w", "w", rows, columns, 1, "up", 0), matrix[None], base, factors)


def adapter(base: Weight, rank: int) -> Weight:
    """W₀ + BA, its strongest direction a little above the base's, so that there are intruders."""
    rows, columns = base.matrix.shape
    left, right = randn(rows, rank, seed=rank), randn(rank, columns, seed=rank + 1)
    left = left * (1.5 * torch.linalg.matrix_norm(base.matrix) / (rows * columns * min(rows, columns) ** 0.5) ** 0.5)
    return weight(base.matrix + left @ right, base, Factors(left, right))


def tuned(base: Weight) -> dict[str, Weight]:
    """A full fine-tune, of 5 % of the base's norm, and two adapters."""
    noise = randn(*base.matrix.shape, seed=9)
    full = base.matrix + noise * (0.05 * base.matrix.norm() / noise.norm())
    return {"full fine-tune": weight(full, base), "LoRA r = 8": adapter(base, 8), "LoRA r = 64": adapter(base, 64)}


def svd(matrix: Tensor) -> Tensor:
    """The left vectors, as the authors' script and PEFT get them."""
    left: Tensor = torch.linalg.svd(matrix, full_matrices=False).U
    return left


def authors(before: Tensor, after: Tensor) -> Tensor:
    """The best matches by their rule: |UᵀU₀|, the largest of each row, the first k."""
    return (after.T @ before).abs().amax(dim=1)[:K]


def fresh(matrix: Tensor, chosen: Sequence[Weight]) -> list[Measurement]:
    """Ours, with nothing known: the base once, and each tuned one with it."""
    base = weight(matrix)
    return [measure(REQUEST, (base, weight(one.matrix, base, one.factors))) for one in chosen]


def timed(into: list[float], run: Callable[[], Found]) -> Found:
    began = time.process_time()
    found = run()
    into.append(time.process_time() - began)
    return found


def compare(matrix: Tensor, rounds: int, types: Sequence[torch.dtype]) -> tuple[list[tuple[str, ...]], float]:
    """A row for each tuned one, one for all on one base, one for the base; and the largest difference of matches.

    The authors' script decomposes both for each pair. Here the base is timed once a round, and counts for each pair.
    """
    chosen, worst = tuned(weight(matrix)), 0.0
    times: dict[str, Seconds] = {name: ([], [], []) for name in (*chosen, SHARED, BASE)}
    for _ in range(rounds):
        before = [timed(times[BASE][i], partial(svd, matrix.to(dtype))) for i, dtype in enumerate(types, 1)]
        timed(times[BASE][0], partial(triplets, matrix))
        for name, one in chosen.items():
            (found,) = timed(times[name][0], partial(fresh, matrix, [one]))
            after = [timed(times[name][i], partial(svd, one.matrix.to(dtype))) for i, dtype in enumerate(types, 1)]
            worst = max(worst, difference(found, authors(before[0], after[0])))
            for i in range(1, 1 + len(types)):
                times[name][i][-1] += times[BASE][i][-1]
        timed(times[SHARED][0], partial(fresh, matrix, list(chosen.values())))
        times[SHARED][0][-1] /= len(chosen)
        for i in range(1, 1 + len(types)):
            times[SHARED][i].append(sum(times[name][i][-1] for name in chosen) / len(chosen))
    return [row(name, some) for name, some in times.items()], worst


def difference(found: Measurement, said: Tensor) -> float:
    best = torch.from_numpy(found.curves["best_match"])[:K].double()
    assert found.values["count"] == int((said < EPSILON).sum()), "the counts differ"
    return float((best - said).abs().max())


def row(name: str, times: Seconds) -> tuple[str, ...]:
    ours = median(times[0])
    theirs = [(spoken(median(some)), f"{median(some) / ours:.1f} ×") if some else ("not run", "") for some in times[1:]]
    return (name, spoken(ours), *theirs[0], *theirs[1])


def against_peft(rounds: int) -> tuple[str, ...]:
    """A model of square layers whose adapters have no intruder; PEFT in float32, as its users run it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from peft.tuners.lora.intruders import reduce_intruder_dimension
    model, pairs = adapted_model()
    ours: list[float] = []
    theirs: list[float] = []
    for i in range(rounds):
        found = timed(ours, lambda: [fresh(base.matrix, [one])[0].values["count"] for base, one in pairs])
        assert found == [0] * LAYERS
        timed(theirs, partial(reduce_intruder_dimension, model, "default", f"again{i}", logging_sink=None))
    name = f"{LAYERS} × (768 × 768), LoRA r = {RANK}"
    return (name, spoken(median(ours)), spoken(median(theirs)), f"{median(theirs) / median(ours):.1f} ×")


def adapted_model() -> tuple[Any, list[tuple[Weight, Weight]]]:
    """A PEFT model of linear layers, and each of its weights with the tuned one; alpha = r, so that scaling is 1."""
    from peft import LoraConfig, get_peft_model

    layers = [nn.Linear(768, 768, bias=False) for _ in range(LAYERS)]
    for seed, layer in enumerate(layers):
        layer.weight.data = randn(768, 768, seed=seed) / 768**0.5
    bases = [weight(layer.weight.data.clone()) for layer in layers]
    config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=[str(i) for i in range(LAYERS)])
    model: Any = get_peft_model(nn.Sequential(*layers), config)
    pairs = []
    for layer, base in zip(model.base_model.model, bases, strict=True):
        left, right = 0.002 * randn(768, RANK, seed=5), layer.lora_A["default"].weight.data
        layer.lora_B["default"].weight.data = left
        pairs.append((base, weight(base.matrix + left @ right, base, Factors(left, right))))
    return model, pairs


def main(*chosen: int) -> None:
    one_thread()
    head = ("", "Eigenscope", "authors, float64", "ratio", "authors, float32", "ratio")
    for rows, columns, rounds in SHAPES:
        if chosen and rows not in chosen:
            continue
        kinds = {"Gaussian": randn(rows, columns, seed=0) / columns**0.5}
        kinds |= {"σ = i^-½": steep(rows, columns)} if rows < 4096 else {}  # minutes for each
        for kind, matrix in kinds.items():
            types = (torch.float64, torch.float32)[: 2 if rows < 4096 else 1]
            found, worst = compare(matrix, rounds, types)
            print(f"\n{rows} × {columns}, {kind}; largest difference of best matches {worst:.0e}\n")
            print(markdown(head, found), flush=True)
    if not chosen:
        print(f"\n{markdown(('', 'Eigenscope', 'PEFT, float32', 'ratio'), [against_peft(5)])}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
