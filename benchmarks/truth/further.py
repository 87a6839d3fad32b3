"""Faults of further kinds, told or not: `python -m benchmarks.truth.further`, for docs/truth.md.

Those of benchmarks/truth/faults.py are what the rules were made for. These were planted afterwards, to see what is said
of what nobody had thought of. Some cannot be seen in the weights of one model at all, since a model could be trained to
them; there, a report may say nothing of the kind, and whatever it warns of is false.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import click
import torch
from torch import Tensor

from benchmarks.truth.faults import Noise
from benchmarks.truth.further_changes import (
    across,
    again,
    anew,
    clipped,
    cut_off,
    dropped,
    eight_bits,
    exploded,
    four_bits,
    half_anew,
    half_sparse,
    head_lost,
    narrow,
    number_codes,
    of_units,
    one_row,
    reread,
    rolled,
    shared_rows,
    shifted,
    swapped_bytes,
    ternary,
    thin_and_noisy,
    unheard,
    wide_start,
)
from benchmarks.truth.models import RECIPES, Recipe, State, fresh, trained
from benchmarks.truth.others import CLEAN
from benchmarks.truth.scorer import layers, report_of, report_with, tensors_of, warnings_of

Change = Callable[[State, str, State, Noise], State | None]  # of the trained state, the layer's name, the fresh state


@dataclass(frozen=True, slots=True)
class Kind:
    """What is done to a model, and the causes of findings that say so; none where the weights cannot tell."""

    change: Change
    causes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of one planted fault."""

    kind: str
    model: str
    tensors: frozenset[str]  # that were changed
    told: frozenset[str]  # of them, those that a true cause names
    others: frozenset[str]  # that warnings name without reason
    said: tuple[str, ...]


def one(change: Callable[[Tensor, Noise], Tensor | None]) -> Change:
    """Of one layer, by its weight alone."""

    def plant(state: State, name: str, _: State, noise: Noise) -> State | None:
        changed = change(state[name], noise)
        return None if changed is None else {name: changed}

    return plant


def of_cause(change: Change, *causes: str) -> Kind:
    return Kind(change, frozenset(causes))


KINDS: Mapping[str, Kind] = {
    "float8 (e4m3), tensor": of_cause(one(eight_bits), "quantised"),
    "float8 (e5m2)": of_cause(one(lambda w, _: w.to(torch.float8_e5m2).to(w.dtype)), "quantised"),
    "float4 (e2m1), groups of 32": of_cause(one(four_bits), "quantised"),
    "three values": of_cause(one(ternary), "quantised", "pruned"),
    "codes without their scale": of_cause(one(number_codes), "quantised", "scale"),
    "2 of 4 pruned": of_cause(one(half_sparse), "pruned"),
    "three tenths dropped": of_cause(one(dropped), "pruned"),
    "end cut off": of_cause(one(cut_off), "dead-lines", "pruned"),
    "one head lost": of_cause(one(head_lost), "dead-lines"),
    "one input unheard": of_cause(one(unheard), "dead-lines"),
    "head's rows twice": of_cause(one(shared_rows), "equal-lines"),
    "bytes swapped": of_cause(one(swapped_bytes), "not-finite", "outlier", "scale"),
    "clipped": of_cause(one(clipped), "clipped"),
    "half of the rows anew": of_cause(one(half_anew), "random"),
    "one row 50 times": of_cause(one(one_row), "line", "outlier"),
    "rank 8 and noise": of_cause(one(thin_and_noisy), "low-rank"),
    "normal, another gain": of_cause(one(wide_start), "random", "scale"),
    "a block never trained": of_cause(of_units(anew), "random", "orthogonal", "scale", "copy"),
    "a block 100 times": of_cause(of_units(exploded), "scale"),
    "a block twice": of_cause(again, "copy"),
    "mean shifted": of_cause(one(shifted), "scale"),
    "float16 in float32": of_cause(one(narrow), "precision"),
    "transposed": Kind(one(lambda w, _: w.transpose(0, 1).contiguous() if w.shape[0] == w.shape[1] else None)),
    "sign flipped": Kind(one(lambda w, _: -w)),
    "rows in another order": Kind(one(lambda w, n: w[torch.randperm(len(w), generator=n)])),
    "one place further": Kind(one(rolled)),
    "read by columns": Kind(one(reread)),
    "query and key swapped": Kind(across("q_proj", "k_proj")),
    "gate and up swapped": Kind(across("gate_proj", "up_proj")),
    "two blocks swapped": Kind(across("layers.1.", "layers.2.")),
}


@click.command(help=__doc__)
@click.option("--model", "models", multiple=True, help="Names of recipes; default: those that are not held back.")
@click.option("--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True)
@click.option("--kind", "kinds", multiple=True, help="Default: all.")
@click.option("--verbose", is_flag=True, help="Every sentence.")
def main(models: tuple[str, ...], seeds: tuple[int, ...], kinds: tuple[str, ...], verbose: bool) -> None:
    torch.set_num_threads(1)
    chosen = [recipe for recipe in (*RECIPES, *CLEAN) if (recipe.name in models if models else not recipe.held_back)]
    found = [told for recipe in chosen for seed in seeds for told in planted(recipe, seed, kinds)]
    click.echo("\n".join(table(found)))
    for told in found if verbose else ():
        click.echo(f"\n{told.kind} · {told.model} · {', '.join(sorted(told.tensors))}")
        click.echo("\n".join(f"  {line}" for line in told.said))


def planted(recipe: Recipe, seed: int, kinds: Sequence[str] = ()) -> Iterator[Told]:
    """Each kind once, in a layer that seed and kind choose, where the model allows it."""
    state, start = trained(recipe, seed), fresh(recipe, seed)
    clean = report_of(state)
    before = {tensor for finding in warnings_of(clean) for tensor in tensors_of(finding, clean)}
    able = layers(state)
    for at, (name, kind) in enumerate(KINDS.items()):
        noise = torch.Generator().manual_seed(1000 * seed + at)
        changed = kind.change(state, able[(7 * at + 3 * seed) % len(able)], start, noise)
        if changed is None or (kinds and name not in kinds):
            continue
        report = report_with(clean, {**state, **changed}, *changed)
        warned = warnings_of(report)
        true = [finding for finding in warned if finding.cause is not None and finding.cause.name in kind.causes]
        told = {tensor for finding in true for tensor in tensors_of(finding, report)}
        named = {tensor for finding in warned for tensor in tensors_of(finding, report)}
        false = {tensor for finding in warned if finding not in true for tensor in tensors_of(finding, report)}
        twins = named - set(changed) if name == "a block twice" else set()
        others = (named - set(changed) - twins) | (false & set(changed))
        lines = [f"{f.severity}: {f.text}. {f.why}" for s in report.summaries.values() for f in s.findings]
        known = {f"{f.severity}: {f.text}. {f.why}" for s in clean.summaries.values() for f in s.findings}
        yield Told(
            name,
            recipe.name,
            frozenset(changed),
            frozenset(told & set(changed)),
            frozenset(others - before),
            tuple(line for line in lines if line not in known),
        )


def table(found: Sequence[Told]) -> Iterator[str]:
    yield "| kind | planted | all layers told | some told | warned of otherwise |"
    yield "|---|---|---|---|---|"
    for name, kind in KINDS.items():
        some = [told for told in found if told.kind == name]
        if some:
            whole = sum(told.told == told.tensors for told in some) if kind.causes else "none can be"
            partly = sum(bool(told.told) and told.told != told.tensors for told in some) if kind.causes else ""
            yield f"| {name} | {len(some)} | {whole} | {partly} | {sum(bool(told.others) for told in some)} |"


if __name__ == "__main__":
    main()
