"""What the client gives: checkpoints, runs and verdicts as values, with the fields that programs ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A stored model. `code` and `message` say why it was rejected."""

    id: int
    name: str
    state: str  # received, ingesting, ready or rejected
    kind: str | None  # model or adapter, once it is ready
    parameters: int | None
    facts: Mapping[str, Any]
    code: str | None
    message: str | None
    url: str

    @classmethod
    def parse(cls, body: Mapping[str, Any], address: str) -> Self:
        code, message = _reason(body)
        return cls(
            id=body["id"], name=body["name"], state=body["state"], kind=body["kind"], parameters=body["parameters"],
            facts=body["facts"], code=code, message=message, url=f"{address}/checkpoints/{body['id']}",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """Diagnostics asked of checkpoints. `code` and `message` say why it failed, or what it lacks."""

    id: int
    state: str  # waiting, running, done, cancelled or failed
    checkpoints: tuple[int, ...]
    diagnostics: Mapping[str, Mapping[str, Any]]
    done: int  # tensors
    total: int
    code: str | None
    message: str | None
    url: str

    @classmethod
    def parse(cls, body: Mapping[str, Any], address: str) -> Self:
        code, message = _reason(body)
        return cls(
            id=body["id"], state=body["state"], checkpoints=tuple(each["id"] for each in body["checkpoints"]),
            diagnostics=body["diagnostics"], done=body["progress"]["done"], total=body["progress"]["total"], code=code,
            message=message, url=f"{address}/runs/{body['id']}",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of a run. `passed` is whether the gate is open."""

    id: int
    passed: bool
    verdict: str  # pass, warn, insufficient or fail
    headline: str
    rules: tuple[Mapping[str, Any], ...]  # each with its outcome, its sentence and the layers that break it

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        return cls(
            id=body["id"], passed=body["passed"], verdict=body["verdict"], headline=body["headline"],
            rules=tuple(body["rules"]),
        )  # fmt: skip


def _reason(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    reason = body.get("reason") or {}
    return reason.get("code"), reason.get("message")
