"""`Client`: upload, analyse, wait, report, gate, as functions of a service somewhere else.

with Client("http://127.0.0.1:8000") as client:
run = client.analyse(client.upload("model.safetensors"))
report = client.report(client.wait(run))
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from analysis.errors import CheckpointError
from app.client.errors import Rejected, RunEnded
from app.client.records import Checkpoint, Run, Verdict
from app.client.remote import Remote
from app.client.report import Report

TIMEOUT = 3600.0  # seconds, as the command line has it
AnyPath = str | PathLike[str]
Diagnostics = Sequence[str] | Mapping[str, Mapping[str, Any]]  # names, or names with options


class Client:
    """Asks one service. Every call has a time limit of its own and raises RemoteError where it fails."""

    def __init__(self, server: str, token: str | None = None, timeout: float = TIMEOUT) -> None:
        self._remote = Remote(server, token, timeout)
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._remote.close()

    def upload(
        self, paths: AnyPath | Sequence[AnyPath], name: str | None = None, facts: Mapping[str, Any] | None = None
    ) -> Checkpoint:
        """Sends a checkpoint: a file, all its shards, or their folder. Bytes that the service has are not sent.

        The service reads it afterwards: `checkpoint` has its state, and a run may be asked for at once.
        """
        files = [Path(paths)] if isinstance(paths, str | PathLike) else [Path(path) for path in paths]
        remote = self._begin()
        identity = remote.upload(_choose(files), name or files[0].absolute().name)
        if facts:
            remote.patch(f"/checkpoints/{identity}", {"facts": dict(facts)})
        return Checkpoint.parse(remote.get(f"/checkpoints/{identity}"), remote.address)

    def checkpoint(self, identity: int) -> Checkpoint:
        remote = self._begin()
        return Checkpoint.parse(remote.get(f"/checkpoints/{identity}"), remote.address)

    def analyse(
        self, checkpoints: Checkpoint | int | Sequence[Checkpoint | int], diagnostics: Diagnostics | None = None
    ) -> Run:
        """Asks for a run; one of several checkpoints compares them with the first. None: the default diagnostics."""
        several = [checkpoints] if isinstance(checkpoints, Checkpoint | int) else list(checkpoints)
        asked: dict[str, Any] = {"checkpoints": [_id(each) for each in several]}
        if diagnostics is not None:
            asked["diagnostics"] = _name_options(diagnostics)
        return self._run(self._begin().run(asked))

    def compare(self, base: Checkpoint | int, *tuned: Checkpoint | int, diagnostics: Diagnostics | None = None) -> Run:
        """Asks for a run that compares fine-tunes with their base."""
        if not tuned:
            raise ValueError("name the base and at least one fine-tune of it")
        return self.analyse([base, *tuned], diagnostics)

    def run(self, identity: int) -> Run:
        """The run as it is now."""
        self._begin()
        return self._run(identity)

    def wait(self, run: Run | int, timeout: float | None = None) -> Run:
        """The run once it is done. Raises Rejected or RunEnded where it ends otherwise, Late when the time is up."""
        remote = self._begin(timeout)
        found = Run.parse(remote.end_of(_id(run)), remote.address)
        if found.state != "done":
            self._explain(found)
        return found

    def report(self, run: Run | int) -> Report:
        """What the run found; of one that has not ended, what it has found so far."""
        return Report(self._begin().get(f"/runs/{_id(run)}/report"))

    def gate(
        self, run: Run | int, policy: str | PathLike[str] | Mapping[str, Any],
        baseline: Run | int | str | Mapping[str, Any] | None = None, timeout: float | None = None,
    ) -> Verdict:  # fmt: skip
        """What a policy says of the run, once it has ended. A text is the policy as YAML, a Path its file."""
        remote = self._begin(timeout)
        text = Path(policy).read_text(encoding="utf-8") if isinstance(policy, PathLike) else policy
        asked: dict[str, Any] = {"policy": text}
        if baseline is not None:
            asked["baseline"] = baseline.id if isinstance(baseline, Run) else baseline
        return Verdict.parse(remote.verdict(_id(run), remote.judge(_id(run), asked)))

    def _begin(self, timeout: float | None = None) -> Remote:
        """The service, with the time of one call."""
        self._remote.allow(self._timeout if timeout is None else timeout)
        return self._remote

    def _run(self, identity: int) -> Run:
        return Run.parse(self._remote.get(f"/runs/{identity}"), self._remote.address)

    def _explain(self, run: Run) -> None:
        """Raises what ended the run: the checkpoint that was rejected, or the run's own reason."""
        for identity in run.checkpoints:
            found = Checkpoint.parse(self._remote.get(f"/checkpoints/{identity}"), self._remote.address)
            if found.state == "rejected":
                text = f"checkpoint {found.name} was rejected: {found.message}"
                raise Rejected(found.code or "checkpoint-unusable", text)
        raise RunEnded(run.code or "run-ended", f"run {run.id} is {run.state}: {run.message or 'see ' + run.url}")


def _choose(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    from app.client.files import choose_files  # the formats take longer to import than all else

    try:
        return choose_files(paths)[0]
    except CheckpointError as error:
        raise Rejected(error.code, error.message) from None


def _id(of: Checkpoint | Run | int) -> int:
    return of if isinstance(of, int) else of.id


def _name_options(diagnostics: Diagnostics) -> dict[str, dict[str, Any]]:
    if isinstance(diagnostics, Mapping):
        return {name: dict(options) for name, options in diagnostics.items()}
    return {name: {} for name in diagnostics}
