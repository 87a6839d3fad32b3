"""The rule `monitor`: operator norms, steps and moments over the checkpoints of a run, as tables for other tools."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from analysis.diagnostic import Option, Options, Scalar
from analysis.errors import UnmeasuredLayer
from analysis.findings.wording import quantity
from analysis.prescriptions.members import Members
from analysis.prescriptions.monitor.initial import all_look_initial
from analysis.prescriptions.monitor.moments import Moment, read_moments
from analysis.prescriptions.monitor.parameters import match_parameters
from analysis.prescriptions.monitor.run import Run, follow, repeated_checkpoints
from analysis.prescriptions.monitor.series import Reading, as_csv, as_jsonl, as_parquet, check_parquet
from analysis.prescriptions.naming import type_of
from analysis.prescriptions.prescription import Answer, Output, Rule

CONTENT = Option(
    "content",
    "weights",
    "What the files hold. gradients: sizes and ranks only, nothing on steps or on whether a layer is trained.",
    choices=("weights", "gradients"),
)
NAME = Option("run", "run", "The run's name in the table.")
TABLE = Option("table", "csv", "The table's format. parquet needs pyarrow, `pip install 'eigenscope[tables]'`.",
               choices=("csv", "parquet"))  # fmt: skip


def prescribe(members: Members, options: Options) -> Answer:
    if options.text("table") == "parquet":
        check_parquet()
    run = follow(members, options.text("content") == "gradients")
    steps = steps_of(members)
    readings = [
        Reading(step, track.info.name, type_of(track.info.tensor) or "", track.info.depth, metric, value)
        for track in run.tracks
        for step, metrics in zip(steps, track.metrics, strict=True)
        for metric, value in metrics.items()
    ]
    moments, notes = _moments(members)
    if not run.tracks and not moments:
        raise UnmeasuredLayer(f"no matrix could be read: {run.left[0] if run.left else 'the checkpoint holds none'}")
    readings += [
        Reading(steps[-1], moment.parameter, type_of(moment.parameter) or "", None, f"{moment.what}.{metric}", value)
        for moment in moments
        for metric, value in moment.metrics.items()
    ]
    readings.sort(key=lambda one: one.step)
    return Answer(
        entries={track.info.name: track.metrics[-1]["operator_norm"] for track in run.tracks},
        details={track.info.name: _last(track.metrics) for track in run.tracks},
        extra={
            "steps": list(steps),
            "checkpoints": list(members.names),
            "repeated": [list(pair) for pair in repeated_checkpoints(members, run)],
            "like_an_initialisation": _initial(members, run),
            **({"moments": _listed(moments)} if moments else {}),
        },
        notes=(*_notes(members, run), *notes),
        files=_files(readings, options.text("run"), options.text("table")),
    )


def _files(readings: Sequence[Reading], run: str, form: str) -> dict[str, bytes]:
    lines = {"wandb.jsonl": as_jsonl(readings)}
    if form == "parquet":
        return {"monitor.parquet": as_parquet(run, readings), **lines}
    return {"monitor.csv": as_csv(run, readings), **lines}


def steps_of(members: Members) -> tuple[int, ...]:
    """The steps that the files say, where all do and they rise; else the places, from 0."""
    entries = [checkpoint.facts.get("step") for checkpoint in members.checkpoints]
    steps = [int(step) for step in entries if isinstance(step, int | float)]
    rising = all(one < other for one, other in pairwise(steps))
    return tuple(steps) if len(steps) == len(entries) and rising else tuple(range(len(entries)))


def _last(metrics: Sequence[Mapping[str, float]]) -> dict[str, Scalar]:
    keys = ("stable_rank", "step_ratio", "step_stable_rank", "cosine_with_weight", "step_share_near_median")
    return {name: metrics[-1].get(name) for name in keys if name in metrics[-1]}


def _initial(members: Members, run: Run) -> list[str]:
    """The checkpoints of which every matrix looks as before training."""
    flags = [[track.initial[index] for track in run.tracks] for index in range(len(members.names))]
    return [name for name, looks in zip(members.names, flags, strict=True) if all_look_initial(looks)]


def _moments(members: Members) -> tuple[list[Moment], list[str]]:
    """The optimizer's matrices, with the names of the last checkpoint's parameters. Raises WrongBase."""
    state = members.optimizer
    if state is None:
        return [], [f"The optimizer's state was left out: {members.no_optimizer}"] if members.no_optimizer else []
    names = dict(state.names)
    if not names:
        shapes = {number: state.shape(number) for number in state.order}
        names = match_parameters(state.groups, shapes, members.checkpoints[-1].tensors, state.path.name)
    notes = ["Moments of an optimizer are no weights: nothing is said of whether their layers are trained."]
    if not names:
        notes.append(
            "The order of the model's parameters is not known from a file that is sorted by name, so that moments have "
            "numbers: give the checkpoint that torch.save wrote, or an optimizer saved with names."
        )
    if state.foreign:
        notes.append(f"Left out of the optimizer's file, as reading them would run code: {', '.join(state.foreign)}.")
    return list(read_moments(state, names)), notes


def _listed(moments: Sequence[Moment]) -> dict[str, dict[str, dict[str, float]]]:
    by_parameter: dict[str, dict[str, dict[str, float]]] = {}
    for moment in moments:
        by_parameter.setdefault(moment.parameter, {})[moment.what] = dict(moment.metrics)
    return by_parameter


def _notes(members: Members, run: Run) -> list[str]:
    notes = [
        f"{quantity(len(run.tracks), 'matrix', 'matrices')} at {quantity(len(members.names), 'checkpoint')}. Operator "
        "norms are RMS→RMS, σ₁ √(n/m), which widths can be compared by."
    ]
    notes += [
        f"{later} is {earlier}: every tensor is the same." for earlier, later in repeated_checkpoints(members, run)
    ]
    notes += [
        f"{name} looks like its initialisation: every matrix is independent numbers. Was it loaded?"
        for name in _initial(members, run)
    ]
    if len(members.names) == 1:
        notes.append("One checkpoint has no steps: give those of a run in their order.")
    return notes + [f"Not measured: {one}" for one in run.left]


MONITOR = Rule(
    name="monitor",
    title="Training monitor",
    reference="Yang, Simon and Bernstein, arXiv 2310.17813; KellerJordan/Muon 857d1ad; GaLore, arXiv 2403.03507",
    description="Follows operator norms, steps between checkpoints and the optimizer's moments over a run.",
    inputs="the checkpoints of a run in their order, and its optimizer.pt if wanted",
    value="operator norm",
    validated_on="Closed forms in our own tests: random and orthogonal weights, and Muon's steps; bounds for a run "
    "were not derived.",
    compute=prescribe,
    options=(CONTENT, NAME, TABLE),
    outputs=(
        Output("monitor.csv or monitor.parquet", "pandas and others", "run, step, tensor, type, layer, metric, value"),
        Output("wandb.jsonl", "Weights & Biases", "a line for each step, the argument of wandb.log"),
    ),
    most=None,
    optimizer=True,
    weights=True,
)
