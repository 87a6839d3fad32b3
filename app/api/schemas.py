"""The JSON that the API speaks, as models: what FastAPI checks, and what the OpenAPI shows with its examples."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, overload

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from analysis.diagnostic import Diagnostic, groups
from analysis.diagnostics import DIAGNOSTICS
from analysis.facts import FACTS, LARGEST, LONGEST, VISIBLE, Fact, find_contradictions
from analysis.gate.policy import option_schema as option_schema
from app import checkpoints, models
from app.db import Session
from app.lists import overviews
from app.lists.parameters import SEVERITIES, Labels
from app.runs import runs
from app.web.dependencies import NUMBER

Scalar = float | int | str | bool | None
GROUP = r"^[0-9]{1,3}(,[0-9]{1,3}){0,99}$"  # places in a run: "0,1"; \d would take the digits of every script
DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@overload
def moment(seconds: float) -> datetime: ...
@overload
def moment(seconds: None) -> None: ...
def moment(seconds: float | None) -> datetime | None:
    """The database's seconds as a time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


class Reason(BaseModel):
    """Why something failed or was rejected."""

    code: str = Field(examples=["damaged-file"])
    message: str = Field(
        examples=["model.safetensors is cut off: its header states 90,864,192 bytes, and the file has 4,096."]
    )


class StoredFile(BaseModel):
    """One of its files."""

    name: str = Field(examples=["model.safetensors"])
    bytes: int = Field(examples=[90864192])
    sha256: str = Field(examples=[DIGEST])


class Source(BaseModel):
    """Where a checkpoint's files are fetched from."""

    url: str = Field(examples=["s3://models/run-7"])
    bytes: int | None = Field(
        description="Size of all its files; known once a worker has checked.", examples=[90864192]
    )
    fetched: int = Field(description="Bytes received so far.", examples=[67108864])


class Glance(BaseModel):
    """What the list tells of a checkpoint: the worst finding of its newest ended run, and key numbers."""

    severity: Literal["note", "warn", "bad"] | None = Field(
        description="Of the worst finding of the newest ended run.", examples=["warn"]
    )
    finding: str | None = Field(description="The worst finding.", examples=["Query of block 3 holds NaN."])
    median_alpha: float | None = Field(description="Of the newest run with `esd`.", examples=[3.4])
    usual: int | None = Field(description="Weights with a firm fit and an α of 2 to 6.", examples=[36])
    fitted: int | None = Field(description="Weights with a firm fit of α.", examples=[39])
    intruders: int | None = Field(description="Of the newest run with `intruders`.", examples=[None])


class Checkpoint(BaseModel):
    """A stored model."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["all-MiniLM-L6-v2"])
    state: Literal["received", "ingesting", "ready", "rejected"] = Field(examples=["ready"])
    reason: Reason | None = Field(description="Why it was rejected.", examples=[None])
    kind: str | None = Field(description="“model” or “adapter”; known when it is ready.", examples=["model"])
    format: str | None = Field(examples=["safetensors"])
    bytes: int = Field(examples=[90864192])
    parameters: int | None = Field(examples=[22713728])
    tensors: int | None = Field(description="How many.", examples=[101])
    facts: dict[str, Scalar] = Field(
        description="Known facts: stated facts take precedence over those in its files.",
        examples=[{"width": 384, "learning_rate": 0.001}],
    )
    stated: dict[str, Scalar] = Field(description="Facts that users stated.", examples=[{"learning_rate": 0.001}])
    contradictions: list[str] = Field(description="Stated facts that its files contradict.", examples=[[]])
    part: str | None = Field(description="The copy in its files that it is, such as ema.", examples=[None])
    files: list[StoredFile]
    source: Source | None = Field(description="Where it is fetched from, if it was not uploaded.", examples=[None])
    pinned: bool = Field(description="Its weights are never deleted by retention.", examples=[False])
    released_at: datetime | None = Field(
        description="When retention deleted its weights; reports remain.", examples=[None]
    )
    created_at: datetime
    latest_run: int | None = Field(examples=[1])
    overview: Glance
    tags: list[str] = Field(examples=[["best"]])
    notes: str = Field(examples=[""])
    archived_at: datetime | None = Field(description="Since when it is in the archive.", examples=[None])
    trashed_at: datetime | None = Field(description="Since when it is in the trash.", examples=[None])


def fact_schema(fact: Fact) -> dict[str, Any]:
    """A fact as JSON Schema: null takes it back."""
    common = {"description": fact.meaning}
    if fact.words:
        return {**common, "type": ["string", "null"], "maxLength": LONGEST, "pattern": VISIBLE}
    minimum = {"minimum" if fact.zero else "exclusiveMinimum": 0}
    return {**common, "type": ["integer" if fact.whole else "number", "null"], **minimum, "exclusiveMaximum": LARGEST}


FACTS_SCHEMA = {
    "type": "object",
    "properties": {fact.name: fact_schema(fact) for fact in FACTS},
    "additionalProperties": False,
    "examples": [{"learning_rate": 0.001, "weight_decay": 0.1, "step": 20000}],
}


class CheckpointUpdate(Labels):
    """What to change about a checkpoint. Fields that are left out stay."""

    name: str | None = Field(None, min_length=1, max_length=checkpoints.LONGEST_NAME, examples=["run 7"])
    facts: Annotated[dict[str, Any], WithJsonSchema(FACTS_SCHEMA)] = Field(
        {}, description="Facts to state. Null removes a stated fact, so that the value from its files applies again."
    )


class RunUpdate(Labels):
    """What to change about a run. Fields that are left out stay."""

    name: str | None = Field(
        None,
        max_length=checkpoints.LONGEST_NAME,
        description="A name of its own. Empty: again that of its checkpoints.",
        examples=["sweep 7"],
    )


class Tensor(BaseModel):
    """A tensor of a checkpoint."""

    name: str = Field(examples=["encoder.layer.0.attention.self.query.weight"])
    shape: list[int] = Field(examples=[[384, 384]])
    dtype: str = Field(examples=["float32"])
    bytes: int = Field(examples=[589824])
    role: str = Field(examples=["q"])
    depth: int | None = Field(description="Index of the block, if it is in one.", examples=[0])
    skip: str | None = Field(description="Why it is not analysed, if it is not.", examples=[None])


class Member(BaseModel):
    """A checkpoint of a run."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["all-MiniLM-L6-v2"])


class Progress(BaseModel):
    """How far a run has come."""

    done: int = Field(description="Analysed tensors.", examples=[12])
    total: int = Field(description="Tensors to analyse.", examples=[40])
    current: str | None = Field(description="What is being processed now.", examples=["Block 2 · value"])
    eta_seconds: float | None = Field(description="Time left, by predicted cost.", examples=[4.2])


class Run(BaseModel):
    """Diagnostics asked of an ordered list of checkpoints."""

    id: int = Field(examples=[1])
    checkpoints: list[Member]
    diagnostics: dict[str, dict[str, Scalar]] = Field(examples=[{"esd": {}, "norms": {}}])
    state: Literal["waiting", "running", "done", "cancelled", "failed"] = Field(examples=["running"])
    reason: Reason | None = Field(examples=[None])
    progress: Progress
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    device: str | None = Field(description="Where it is computed.", examples=["cpu"])
    name: str | None = Field(description="Its own name, if it was given one.", examples=[None])
    tags: list[str] = Field(examples=[["best"]])
    notes: str = Field(examples=[""])
    archived_at: datetime | None = Field(description="Since when it is in the archive.", examples=[None])
    trashed_at: datetime | None = Field(description="Since when it is in the trash.", examples=[None])


def diagnostics_schema() -> dict[str, Any]:
    """What a run can ask for, out of the registry."""
    properties = {
        diagnostic.name: {
            "type": "object",
            "title": diagnostic.title,
            "properties": {option.name: option_schema(option) for option in diagnostic.options},
            "additionalProperties": False,
        }
        for diagnostic in DIAGNOSTICS
    }
    schema = {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
    return {"anyOf": [schema, {"type": "null"}], "examples": [{"esd": {}}]}


def counts_schema() -> list[Any]:
    """Which diagnostics can be asked of how many checkpoints: of fewer than it compares, one is left out."""
    cases: list[Any] = []
    for count in range(1, max(map(_least_checkpoints, DIAGNOSTICS)) + 1):
        exclusions = {each.name: False for each in DIAGNOSTICS if _least_checkpoints(each) > count}
        properties = {"checkpoints": {"minItems": count}, "diagnostics": {"properties": exclusions}}
        cases.append({"properties": properties})
    return cases


def _least_checkpoints(diagnostic: Diagnostic) -> int:
    """The fewest checkpoints that the diagnostic can look at."""
    return next(count for count in range(1, runs.MOST_CHECKPOINTS) if groups(diagnostic.scope, count))


class AnalysisRequest(BaseModel):
    """What to analyse, and how."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"checkpoints": [1]}], "anyOf": counts_schema()}
    )

    checkpoints: list[Annotated[int, Field(ge=1, le=2**31 - 1), NUMBER]] = Field(
        min_length=1,
        max_length=runs.MOST_CHECKPOINTS,
        json_schema_extra={"uniqueItems": True},
        description="With several, the first is the base of the others.",
    )
    diagnostics: Annotated[dict[str, dict[str, Scalar]] | None, WithJsonSchema(diagnostics_schema())] = Field(
        None,
        description="Diagnostics with their options. Default: for one checkpoint the default ones, "
        "for several those that compare them with the first.",
    )


def reason(code: str | None, message: str | None) -> Reason | None:
    return None if code is None else Reason(code=code, message=message or code)


def checkpoint_json(row: models.Checkpoint, latest: Mapping[int, int], glance: overviews.Glance) -> Checkpoint:
    return Checkpoint(
        id=row.id,
        name=row.name,
        state=row.state,
        reason=reason(row.reason_code, row.reason),
        kind=row.kind,
        format=row.format,
        bytes=row.bytes,
        parameters=row.parameters,
        tensors=row.tensors,
        facts=row.known,
        stated=row.stated,
        contradictions=list(find_contradictions(row.facts, row.stated)),
        files=[StoredFile(name=file.name, bytes=file.bytes, sha256=file.sha256) for file in row.files],
        source=None if row.source is None else source_json(row.source),
        part=row.part,
        pinned=row.pinned,
        released_at=moment(row.released_at),
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        latest_run=latest.get(row.id),
        overview=glance_json(glance),
        tags=row.tags,
        notes=row.notes,
        archived_at=moment(row.archived_at),
        trashed_at=moment(row.trashed_at),
    )


def glance_json(glance: overviews.Glance) -> Glance:
    alphas, newest = glance.alphas, glance.newest
    return Glance(
        severity=None if newest is None else SEVERITIES[newest.severity],
        finding=None if newest is None else newest.finding,
        median_alpha=None if alphas is None else alphas.median_alpha,
        usual=None if alphas is None else alphas.usual,
        fitted=None if alphas is None else alphas.fitted,
        intruders=None if glance.intruders is None else glance.intruders.intruders,
    )


def source_json(row: models.Source) -> Source:
    size = None if row.plan is None else sum(file["bytes"] for file in row.plan if file.get("left_out") is None)
    return Source(url=row.url, bytes=size, fetched=row.fetched)


def checkpoints_json(session: Session, rows: Sequence[models.Checkpoint]) -> list[Checkpoint]:
    ids = [row.id for row in rows]
    latest, glances = checkpoints.latest_runs(session, ids), overviews.glances(session, ids)
    return [checkpoint_json(row, latest, glances[row.id]) for row in rows]


def tensor_json(info: Mapping[str, Any]) -> Tensor:
    return Tensor(bytes=info["nbytes"], **{name: info[name] for name in Tensor.model_fields if name != "bytes"})


def run_json(session: Session, row: models.Run) -> Run:
    progress = runs.progress(session, row)
    return Run(
        id=row.id,
        checkpoints=[Member(id=member.checkpoint_id, name=member.checkpoint.name) for member in row.members],
        diagnostics=row.diagnostics,
        state=row.state,
        reason=reason(row.reason_code, row.reason),
        progress=Progress(
            done=progress.done, total=progress.total, current=progress.current, eta_seconds=progress.eta_seconds
        ),
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        started_at=moment(row.started_at),
        finished_at=moment(row.finished_at),
        device=row.device,
        name=row.name,
        tags=row.tags,
        notes=row.notes,
        archived_at=moment(row.archived_at),
        trashed_at=moment(row.trashed_at),
    )
