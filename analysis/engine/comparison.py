"""Several checkpoints of one run, measured tensor by tensor of their base: what `eigenscope compare` and workers share.

`measure_aligned` reads one tensor of the base and every partner of it, cuts all of them alike, and measures every group
of every request on the same `Weight` objects, so that each decomposition is computed once.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from analysis.adapters import Adapter, open_adapter
from analysis.checkpoint import OpenCheckpoint, grid_of
from analysis.coverage import coverage_of_members
from analysis.diagnostic import Request, Row, Scalar, Scope, Table, groups
from analysis.engine.device import on_devices
from analysis.engine.fused_tensors import change_pieces, read_apart
from analysis.engine.kept import AT_ONCE, Kept, Task, digest_of
from analysis.engine.memory import bytes_of_several, too_large
from analysis.engine.pieces import Group, Held, pieces
from analysis.engine.scheduling import run_each
from analysis.engine.single import Progress, measure_tensor, refused_rows
from analysis.errors import AdapterError, SettingsError, TensorError, WrongBase, escape
from analysis.findings.wording import join_words, quantity
from analysis.other_tensors import OtherTensors
from analysis.report import Report, options_of
from analysis.runtime.pytorch import Tensor
from analysis.tensors.matching import Aligned, Alignment, Member, align, check_base
from analysis.tensors.matrices import matrices
from analysis.tensors.others import compare_others
from analysis.weight import TensorInfo

Found = list[tuple[str, Row]]


@dataclass(frozen=True)
class Comparison:
    """The open checkpoints of a comparison, position 0 the base of the others, and how they lie on each other."""

    checkpoints: Sequence[OpenCheckpoint]
    names: tuple[str, ...]
    alignment: Alignment
    adapters: Mapping[int, Adapter]


def open_comparison(
    checkpoints: Sequence[OpenCheckpoint], names: Sequence[str], requests: Sequence[Request]
) -> Comparison:
    """Aligns the checkpoints. Raises WrongBase, also where an adapter fits nowhere, and what `open_adapter` raises."""
    adapters = {index: open_adapter(c) for index, c in enumerate(checkpoints) if index and c.kind == "adapter"}
    members = members_of(checkpoints)
    comparison = Comparison(checkpoints, tuple(names), align_for(members, names, requests), adapters)
    for position in adapters:
        check_adapter(comparison, position)
    return comparison


def members_of(checkpoints: Sequence[OpenCheckpoint]) -> list[Member]:
    """What the headers and the files beside them tell of each."""
    return [Member(checkpoint.kind, checkpoint.tensors, checkpoint.facts) for checkpoint in checkpoints]


def check_adapter(comparison: Comparison, position: int) -> None:
    """Raises WrongBase where no module of an adapter fits the base. Smallest first: mostly the first one fits."""
    rows = sorted(
        (row for row in comparison.alignment.rows if (p := row.partners[position - 1]) and p.tensors),
        key=lambda row: row.base.size,
    )
    wrong: list[AdapterError] = []
    for row in rows:
        try:
            _read_held(comparison, row, position, comparison.checkpoints[0].read(row.base.name))
        except AdapterError as error:
            wrong.append(error)
        except TensorError:  # NaN, say: of this module, and not of the base
            return
        else:
            return
    if wrong:
        base, modules = escape(comparison.names[0]), quantity(len(wrong), "module")
        code = wrong[0].code if isinstance(wrong[0], SettingsError) else None
        raise WrongBase(
            f"{escape(comparison.names[position])} fits {base} in none of {modules}. {wrong[0].message} Give the model "
            "that it was trained from as the base, and the adapter with its own adapter_config.json.",
            code,
        )


def alignment_of(members: Sequence[Member], requests: Sequence[Request]) -> Alignment:
    """How the members lie on each other. Raises WrongBase where the first of them is an adapter."""
    return align(members, same_shape=not any(r.diagnostic.scope is Scope.FAMILY for r in requests))


def align_for(members: Sequence[Member], names: Sequence[str], requests: Sequence[Request]) -> Alignment:
    """The same, also refused (WrongBase) where a request compares with a base that is none."""
    alignment = alignment_of(members, requests)
    if any(request.diagnostic.scope is Scope.FAMILY for request in requests):
        check_family(members, alignment, names)
        return alignment
    if any(member.kind == "adapter" for member in members) or not all(map(_is_alone, requests)):
        check_base(alignment, names)
    return alignment


def check_family(members: Sequence[Member], alignment: Alignment, names: Sequence[str]) -> None:
    """Raises WrongBase where one of the members is an adapter, or no matrix is in all of them."""
    adapters = [escape(name) for name, member in zip(names, members, strict=True) if member.kind == "adapter"]
    if adapters:
        text = "is not a whole model, and a family takes whole models only. Merge it into its base first"
        raise WrongBase(f"{join_words(adapters)} {text}", "adapter-in-family")
    if not any(all(row.partners) for row in alignment.rows):
        raise WrongBase(
            f"no matrix has the same name in all of {join_words([escape(name) for name in names])}: a family is of one "
            "architecture in several widths",
            "no-family",
        )


def groups_of(aligned: Aligned, request: Request) -> list[Group]:
    """The groups that the request looks at and in which every checkpoint has this tensor."""
    is_present = [True, *(partner is not None for partner in aligned.partners)]
    all_groups = groups(request.diagnostic.scope, len(is_present))
    return [group for group in all_groups if all(is_present[position] for position in group)]


def unpaired_tensors(
    members: Sequence[Member], alignment: Alignment, requests: Sequence[Request]
) -> list[tuple[int, int]]:
    """(position, index of the tensor) of what the tuned models hold and the base does not, where it is to be measured.

    It has no base to be compared with, so only requests of scope ONE ask for it.
    """
    if not any(map(_is_alone, requests)):
        return []
    pairs = []
    for position, member in enumerate(members[1:], 1):
        partners = alignment.tensors_of(position)
        free = (i for i, info in enumerate(member.tensors) if info.skip is None and info.name not in partners)
        pairs += [(position, index) for index in free if member.kind == "model"]
    return pairs


def _is_alone(request: Request) -> bool:
    return request.diagnostic.scope is Scope.ONE


def compare(
    checkpoints: Sequence[OpenCheckpoint],
    requests: Sequence[Request],
    names: Sequence[str],
    device: str = "cpu",
    progress: Progress | None = None,
    facts: Sequence[Mapping[str, Scalar]] = (),
    memory: int | None = None,
    kept: Kept | None = None,
) -> Report:
    """The report of a base and what was trained from it, the first of them the base; or of a family of models.

    `facts` about each win over those that came with it. `progress` hears of each tensor of the base when it is done.
    What needs more than `memory`, in bytes, is left out with the reason; None is what there is. What is `kept` is not
    measured again. Raises WrongBase, and what `open_adapter` raises.
    """
    comparison = open_comparison(checkpoints, distinct(names), requests)
    members = members_of(checkpoints)
    rows: dict[str, list[Row]] = {request.diagnostic.name: [] for request in requests}
    by_name = {row.base.called: row for row in comparison.alignment.rows}

    def work(info: TensorInfo) -> Found:
        return measure_aligned(comparison, by_name[info.called], requests, device, memory, kept)

    if kept is not None:
        kept.expect_beside(comparison.alignment.rows, lambda row: tasks_of(row, requests))
    for info, results in run_each(
        [row.base for row in comparison.alignment.rows],
        work,
        device,
        lambda info: by_name[info.called].largest,
        lambda info: bytes_of_row(by_name[info.called], requests),
        memory,
    ):
        for name, row in results:
            rows[name].append(row)
        if progress is not None:
            progress(info)
        if kept is not None:
            kept.put(AT_ONCE)
    for position, index in unpaired_tensors(members, comparison.alignment, requests):
        info = members[position].tensors[index]
        for name, row in measure_tensor(
            checkpoints[position], info, requests, position, device, memory=memory, kept=kept
        ):
            rows[name].append(row)
    if kept is not None:
        kept.put()
    all_facts = [*facts, *({} for _ in checkpoints[len(facts) :])]
    known_facts = tuple({**c.facts, **own_facts} for c, own_facts in zip(checkpoints, all_facts, strict=True))
    files = tuple(c.facts for c in checkpoints)
    other_tensors = _compare_others(checkpoints, requests)
    tables = tuple(
        replace(
            _table(request, rows[request.diagnostic.name], comparison.names, known_facts),
            found=files,
            others=other_tensors,
        )
        for request in requests
    )
    coverage = coverage_of_members(members, comparison.alignment, tables)
    return Report(coverage, tables, comparison.names, options_of(requests))


def _compare_others(
    checkpoints: Sequence[OpenCheckpoint], requests: Sequence[Request]
) -> tuple[OtherTensors | None, ...]:
    """How the tensors that are no matrices compare, where something is compared pair by pair."""
    if not any(request.diagnostic.scope is Scope.PAIR for request in requests):
        return ()
    return (None, *(compare_others(checkpoints[0], tuned) for tuned in checkpoints[1:]))


def _table(
    request: Request, rows: Sequence[Row], names: tuple[str, ...], facts: tuple[Mapping[str, Scalar], ...]
) -> Table:
    return Table(request.diagnostic, tuple(sorted(rows, key=lambda row: row.group)), names, facts)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, of which equal ones get a number.

    >>> distinct(["lora", "full", "lora"])
    ('lora', 'full', 'lora (2)')
    """
    labels: list[str] = []
    for name in names:
        number, label = 1, name
        while label in labels:
            number += 1
            label = f"{name} ({number})"
        labels.append(label)
    return tuple(labels)


def tasks_of(aligned: Aligned, requests: Sequence[Request]) -> list[Task]:
    """What is to be measured on a tensor of the base, first what decomposes it whole."""
    request_order = sorted(requests, key=lambda request: not request.diagnostic.whole)
    return [(request, group) for request in request_order for group in groups_of(aligned, request)]


def measure_aligned(
    comparison: Comparison,
    aligned: Aligned,
    requests: Sequence[Request],
    device: str = "cpu",
    memory: int | None = None,
    kept: Kept | None = None,
) -> Found:
    """Every group of every request on one tensor of the base and its partners: (diagnostic name, row) for each.

    What one partner cannot give is a row with a note in each group that needs it; the other groups go on. Where all of
    them together need more than `memory`, in bytes (None: what there is), each row says so. What is `kept` of the same
    tensors is not measured again.
    """
    tasks = tasks_of(aligned, requests)
    if kept is not None:
        return _recall(comparison, aligned, tasks, device, memory, kept)
    return _measure_tasks(comparison, aligned, tasks, device, memory)


def _recall(
    comparison: Comparison, aligned: Aligned, tasks: Sequence[Task], device: str, memory: int | None, kept: Kept
) -> Found:
    """The rows that are kept, and those of the other tasks measured now; in the same order as without."""
    plans = list(matrices(aligned.base))
    digests = kept.digests_beside(aligned, {position for _, group in tasks for position in group})
    found = kept.find(tasks, plans, digests)
    missing = [task for task in tasks if (task[0].diagnostic.name, task[1]) not in found]

    def recall(tensors: Mapping[int, Held | str]) -> Sequence[Task]:
        """Of what is missing, what is not kept either under what was read."""
        for position, held in tensors.items():
            if isinstance(held, Held) and digests.get(position) is None:
                digests[position] = _digest(aligned.base, held)
                kept.remember(kept.place_beside(position, aligned), digests[position] or "")
        found.update(kept.find(missing, plans, digests))
        return [task for task in missing if (task[0].diagnostic.name, task[1]) not in found]

    rows = _measure_tasks(comparison, aligned, missing, device, memory, recall)
    kept.keep([task for task in missing if (task[0].diagnostic.name, task[1]) not in found], plans, digests, rows)
    for name, row in rows:
        found.setdefault((name, row.group), []).append(row)
    names = [(request.diagnostic.name, group) for request, group in tasks]
    return [(name, found[name, group][at]) for at in range(len(plans)) for name, group in names]


def _digest(base: TensorInfo, held: Held) -> str:
    info = held.info if held.info is not None and tuple(held.tensor.shape) != base.shape else None
    changes = (held.factors, *held.parts) if held.factors or held.parts else ()
    return digest_of(held.tensor, [base, info] if info else [base], held.grid, changes, held.merged)


def _measure_tasks(
    comparison: Comparison,
    aligned: Aligned,
    tasks: Sequence[Task],
    device: str,
    memory: int | None,
    recall: Callable[[Mapping[int, Held | str]], Sequence[Task]] | None = None,
) -> Found:
    """`recall` says which of the tasks are left once the tensors are read."""
    if not tasks:
        return []
    positions = {position for _, group in tasks for position in group} - {0}
    if reason := _too_large(aligned, positions, {request.diagnostic.scope for request, _ in tasks}, memory):
        return list(refused_rows(aligned.base, [(request, group, reason) for request, group in tasks]))
    base = comparison.checkpoints[0].read(aligned.base.name)
    tensors: dict[int, Held | str] = {0: Held(base, grid=grid_of(comparison.checkpoints[0], aligned.base))}
    for position in sorted(positions):
        tensors[position] = read_held(comparison, aligned, position, base)
    if recall is not None and not (tasks := recall(tensors)):
        return []
    rows: Found = []
    for piece in pieces(aligned.base, tensors, comparison.names):
        rows += on_devices(device, piece.weights, partial(piece.measure, tasks))
    return rows


def bytes_of_row(aligned: Aligned, requests: Sequence[Request]) -> int:
    """The bytes that measuring a tensor with its partners takes, as these requests do."""
    tasks = [(request, group) for request in requests for group in groups_of(aligned, request)]
    infos = [aligned.at(position) for position in sorted({0, *(position for _, group in tasks for position in group)})]
    return bytes_of_several(infos, {request.diagnostic.scope for request, _ in tasks} or {Scope.ONE})


def _too_large(aligned: Aligned, wanted: Collection[int], scopes: Collection[Scope], memory: int | None) -> str | None:
    infos = [aligned.at(position) for position in sorted({0, *wanted})]
    return too_large(aligned.base, bytes_of_several(infos, scopes), memory)


def read_held(comparison: Comparison, aligned: Aligned, position: int, base: Tensor) -> Held | str:
    """The tensor in a tuned checkpoint, as the base stores it; where that cannot be had, the reason."""
    try:
        return _read_held(comparison, aligned, position, base)
    except TensorError as error:
        return error.message


def _read_held(comparison: Comparison, aligned: Aligned, position: int, base: Tensor) -> Held:
    partner = aligned.partners[position - 1]
    assert partner is not None, "groups_of asks for what is there"
    if partner.changes:
        return change_pieces(comparison.adapters[position], aligned.base, base, partner)
    if not partner.whole:
        return read_apart(comparison.checkpoints[position], aligned.base, partner)
    if isinstance(partner.source, TensorInfo):
        tensor = comparison.checkpoints[position].read(partner.source.name)
        grid = grid_of(comparison.checkpoints[position], partner.source)
        return Held(tensor.mT, grid=grid) if partner.turned else Held(tensor, info=partner.source, grid=grid)
    tuned = comparison.adapters[position].tuned(partner.source, aligned.base, base)
    return Held(tuned.tensor, tuned.factors, merged=True)
