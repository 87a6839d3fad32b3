"""One checkpoint, measured tensor by tensor: what `eigenscope analyze` and the workers share.

`measure_tensor` reads one tensor and measures every weight in it; `analyze` does so with all of them, for a report.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from analysis.checkpoint import OpenCheckpoint, grid_of
from analysis.coverage import coverage, failures
from analysis.diagnostic import Measurement, Request, Row, Scope, Table, absent, measure
from analysis.engine.batching import Cut, cutter
from analysis.engine.device import on_device
from analysis.engine.kept import AT_ONCE, Kept, digest_of
from analysis.engine.memory import bytes_of_one as needed_alone
from analysis.engine.memory import copies, too_large
from analysis.engine.scheduling import run_each
from analysis.report import Report, options_of
from analysis.tensors.matrices import matrices, weights
from analysis.weight import TensorInfo, Weight

Progress = Callable[[TensorInfo], None]


def measure_tensor(
    checkpoint: OpenCheckpoint,
    info: TensorInfo,
    requests: Sequence[Request],
    position: int = 0,
    device: str = "cpu",
    cut: Cut | None = None,
    memory: int | None = None,
    kept: Kept | None = None,
) -> Iterator[tuple[str, Row]]:
    """Reads one tensor and measures every weight in it: (diagnostic name, row) for each.

    `position` is the checkpoint's place in the run; `cut` reads the tensor, several at once on a GPU. Only diagnostics
    of scope ONE are measured here, and only what fits in `memory`, in bytes, or, where that is None, in what there is.
    What is `kept` of the same tensor is not measured again.
    """
    own_requests = [request for request in requests if request.diagnostic.scope is Scope.ONE]
    if kept is not None:
        yield from _recall(checkpoint, info, own_requests, position, device, cut, memory, kept)
        return
    reasons = {r.diagnostic.name: _refusal(info, r, memory) for r in own_requests}
    if all(reasons.values()):
        yield from refused_rows(info, [(r, (position,), reasons[r.diagnostic.name]) for r in own_requests])
        return
    for weight in (cut or cutter(checkpoint, (), "cpu"))(info):
        yield from _rows(weight, own_requests, position, device, reasons)


def need_of(requests: Sequence[Request]) -> Callable[[TensorInfo], int]:
    """The bytes that measuring one tensor by itself takes."""
    return partial(needed_alone, copies=copies(requests))


def _recall(
    checkpoint: OpenCheckpoint,
    info: TensorInfo,
    requests: Sequence[Request],
    position: int,
    device: str,
    cut: Cut | None,
    memory: int | None,
    kept: Kept,
) -> list[tuple[str, Row]]:
    """The rows that are kept, and those of the other requests measured now; in the same order as without."""
    plans, group = list(matrices(info)), (position,)
    tasks = [(request, group) for request in requests]
    place = kept.place(position, info)
    digest = kept.digest_at(place)
    found = kept.find(tasks, plans, {position: digest})
    if digest is None and any(_refusal(info, request, memory) is None for request in requests):
        tensor, grid = checkpoint.read(info.name), grid_of(checkpoint, info)
        digest = digest_of(tensor, [info], grid)
        kept.remember(place, digest)
        found = kept.find(tasks, plans, {position: digest})
        if device == "cpu":  # else what reads ahead reads it again
            cut = partial(weights, tensor=tensor, grid=grid)
    missing = [request for request in requests if (request.diagnostic.name, group) not in found]
    rows = list(measure_tensor(checkpoint, info, missing, position, device, cut, memory)) if missing else []
    kept.keep([(request, group) for request in missing], plans, {position: digest}, rows)
    for request in missing:
        name = request.diagnostic.name
        found[name, group] = [row for of, row in rows if of == name]
    names = [request.diagnostic.name for request in requests]
    return [(name, found[name, group][at]) for at in range(len(plans)) for name in names]


def _refusal(info: TensorInfo, request: Request, memory: int | None) -> str | None:
    return too_large(info, needed_alone(info, request.diagnostic.copies), memory)


def refused_rows(
    info: TensorInfo, asked: Sequence[tuple[Request, tuple[int, ...], str | None]]
) -> Iterator[tuple[str, Row]]:
    """A row without values for each weight of a tensor that is not read, each group, with the reason."""
    for plan in matrices(info):
        for request, group, reason in asked:
            yield request.diagnostic.name, Row(plan, group, absent(request.diagnostic, reason or ""))


def _rows(
    weight: Weight, requests: Sequence[Request], position: int, device: str, reasons: Mapping[str, str | None]
) -> list[tuple[str, Row]]:
    def one(request: Request, there: Weight) -> Measurement:
        reason = reasons[request.diagnostic.name]
        return absent(request.diagnostic, reason) if reason else measure(request, (there,))

    def run(there: Weight) -> list[tuple[str, Row]]:
        return [(r.diagnostic.name, Row(weight.info, (position,), one(r, there))) for r in requests]

    return on_device(device, weight, run)


def analyze(
    checkpoint: OpenCheckpoint,
    requests: Sequence[Request],
    device: str = "cpu",
    progress: Progress | None = None,
    memory: int | None = None,
    kept: Kept | None = None,
) -> Report:
    """The report of one checkpoint, in the order of its tensors; `progress` hears of each when it is done.

    What needs more than `memory`, in bytes, is left out with the reason; None is what there is. What is `kept` is not
    measured again, and what is measured is kept.
    """
    rows: dict[str, list[Row]] = {request.diagnostic.name: [] for request in requests}

    cut = cutter(checkpoint, checkpoint.tensors, device)

    def work(info: TensorInfo) -> list[tuple[str, Row]]:
        if info.skip is not None:
            return []
        return list(measure_tensor(checkpoint, info, requests, device=device, cut=cut, memory=memory, kept=kept))

    if kept is not None:
        kept.expect(0, [info for info in checkpoint.tensors if info.skip is None], requests)
    for info, measured in run_each(checkpoint.tensors, work, device, need=need_of(requests), memory=memory):
        for name, row in measured:
            rows[name].append(row)
        if progress is not None:
            progress(info)
        if kept is not None:
            kept.put(AT_ONCE)
    if kept is not None:
        kept.put()
    results = (checkpoint.facts,)
    tables = tuple(Table(r.diagnostic, tuple(rows[r.diagnostic.name]), found=results) for r in requests)
    return Report(coverage(checkpoint.tensors, failures(tables)), tables, options=options_of(requests))
