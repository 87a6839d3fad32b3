"""A tuned checkpoint mitigated: read, changed and written one tensor at a time, then looked at again from its files."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from analysis.diagnostics.update.origin import is_foreign_by
from analysis.engine.comparison import Comparison, open_comparison
from analysis.errors import NoIntruders, WrongBase, escape
from analysis.findings.wording import quantity
from analysis.formats import Checkpoint, open_checkpoint
from analysis.formats.dtypes import DTYPES
from analysis.formats.writer import Writer
from analysis.mitigation.intruding import Intruding
from analysis.mitigation.options import MitigationOptions
from analysis.mitigation.output import Form, form_of
from analysis.mitigation.report import Energy, MitigatedWeight, MitigationReport
from analysis.mitigation.resume import Memory
from analysis.mitigation.search import Progress, Search
from analysis.tensors.matching import check_base

Done = list[tuple[Sequence[Intruding], Energy | None]]


def write_mitigated(
    base: Checkpoint,
    tuned: Checkpoint,
    folder: Path,
    recipe: MitigationOptions,
    names: tuple[str, str] = ("the base", "the tuned checkpoint"),
    device: str = "cpu",
    progress: Progress | None = None,
    memory: Memory | None = None,
) -> MitigationReport:
    """Writes the mitigated checkpoint into an empty folder; `progress` hears of each tensor when its turn comes.

    Those with intruders have a second turn. What the `memory` holds is not looked for again, and all else is kept
    there. Modules without an intruder are copied bit for bit. Raises WrongBase where the two do not belong together
    by their headers or their weights, NoIntruders where there is nothing to shrink, NoAdapterForm where the form that
    is asked for cannot be had, and what `open_adapter` raises. Then the folder is as it was.
    """
    comparison = open_comparison((base, tuned), names, ())
    check_base(comparison.alignment, names)
    form, search = form_of(comparison, tuned, recipe), Search(recipe, device, progress, memory)
    try:
        results = _write(comparison, form, folder / form.file, search)
        form.finish(folder)
        recount = _look_again(base, folder, results, names, search)
    except BaseException:
        for path in folder.iterdir():
            path.unlink()
        raise
    files = tuple(sorted(path.name for path in folder.iterdir()))
    return MitigationReport(recipe, form.name, files, tuple(_rows(results, recount)), tuple(form.left_out))


def _write(comparison: Comparison, form: Form, target: Path, search: Search) -> Done:
    """Writes every job of the form, the widest first (Writer). Raises NoIntruders."""
    jobs = list(form.jobs())
    order = sorted(jobs, key=lambda job: -DTYPES[job.dtype].bits)
    batches = search.find_intruders(comparison, [job.aligned for job in order if job.aligned is not None], "before")
    names = {name: rank for job in jobs for name, rank in job.names.items()}
    results: Done = []
    with closing(batches), Writer(target, names, _metadata(comparison.names, search.recipe)) as writer:
        for job in order:
            intruders = next(batches) if job.aligned is not None else ()
            results.append((intruders, form.write(writer, job, _to_write(intruders, search.recipe))))
        if 1 not in comparison.adapters:  # whose size is no proof: W₀ + ΔW is of this base by construction
            _check_origin(results, comparison.names)
        _check_any(results, search.recipe)
    return results


def _to_write(found: Sequence[Intruding], recipe: MitigationOptions) -> Sequence[Intruding]:
    """What is to be changed in the file: nothing at λ = 1, which copies every tensor."""
    return [replace(one, change=None) for one in found] if recipe.factor == 1.0 else found


def _check_origin(done: Done, names: Sequence[str]) -> None:
    """As a comparison says it: between unrelated models every direction is new, and none of them is an intruder."""
    sizes = [
        (one.cosine, one.weight.rows * one.weight.columns * one.weight.slices)
        for intruders, _ in done
        for one in intruders
    ]
    if is_foreign_by(sizes):
        raise WrongBase(
            f"{escape(names[1])} does not look like a fine-tune of {escape(names[0])}: its weights share "
            "nothing with it. "
            "Choose another base; no file was written"
        )


def _check_any(done: Done, recipe: MitigationOptions) -> None:
    weights = [one for intruders, _ in done for one in intruders]
    if any(one.change for one in weights):
        return
    readable = [one for one in weights if one.count is not None]
    if count := sum(one.count or 0 for one in readable):
        raise NoIntruders(
            f"{'the one intruder' if count == 1 else f'all {count} intruders'} only rotated among base directions of "
            "nearly equal strength: without those there is nothing to shrink, and no file was written"
        )
    addition = (
        f"; {quantity(len(weights) - len(readable), 'matrix', 'matrices')} could not be read"
        if readable != weights
        else ""
    )
    raise NoIntruders(
        f"none of {quantity(len(readable), 'matrix', 'matrices')} has an intruder among its {recipe.k} strongest "
        f"directions at ε = {recipe.epsilon:g}{addition}: there is nothing to shrink, and no file was written"
    )


def _metadata(names: Sequence[str], recipe: MitigationOptions) -> dict[str, str]:
    """Facts that the file tells about itself."""
    origin = {"mitigated_from": names[1], "mitigated_base": names[0], "mitigated_lambda": f"{recipe.factor:g}"}
    rule = {"mitigated_k": str(recipe.k), "mitigated_epsilon": f"{recipe.epsilon:g}", "mitigated_only": recipe.only}
    return {"format": "pt", **origin, **rule}


def _look_again(
    base: Checkpoint, folder: Path, done: Done, names: tuple[str, str], search: Search
) -> dict[str, Intruding]:
    """The intruders of the mitigated matrices by name, counted in the files that were written."""
    tensor_names = {one.weight.tensor for intruders, _ in done for one in intruders if one.change}
    comparison = open_comparison((base, open_checkpoint([folder])), (names[0], escape("the mitigated checkpoint")), ())
    rows = [row for row in comparison.alignment.rows if row.base.name in tensor_names and row.partners[0] is not None]
    return {one.weight.name: one for intruders in search.find_intruders(comparison, rows, "after") for one in intruders}


def _rows(done: Done, after: dict[str, Intruding]) -> Iterator[MitigatedWeight]:
    for intruders, energy in done:
        for one in intruders:
            recount = after.get(one.weight.name)
            count = one.count if recount is None else recount.count
            yield MitigatedWeight(one.weight, one.count, count, energy, one.note or (recount.note if recount else None))
