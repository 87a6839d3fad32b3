"""The task of a mitigation: it says what it cannot make, tries again what fails, and leaves no file behind."""

from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from analysis.engine.comparison import Comparison
from analysis.mitigation import MitigationOptions
from analysis.mitigation.intruding import Intruding
from analysis.tensors.matching import Aligned
from app import mitigations
from app.models import Mitigation
from tests.mitigations import NAMES, ask, base, sent
from tests.service import Service
from workers.mitigate import mitigate_checkpoint


def make(service: Service) -> Mitigation:
    mitigate_checkpoint(service.database, service.storage, service.settings, 1)
    with service.database.reading() as session:
        return mitigations.get(session, 1)


def files(service: Service) -> list[Path]:
    return [path for path in service.storage.blobs.rglob("*") if path.is_file()]


def test_nothing_to_shrink_makes_no_checkpoint(service: Service) -> None:
    ask(sent(service), epsilon=0.01)
    before = files(service)
    found = make(service)
    assert (found.state, found.reason_code) == ("failed", "no-intruders")
    assert "there is nothing to shrink" in (found.reason or "")
    assert files(service) == before
    assert list(service.storage.work.iterdir()) == []


def test_a_fault_that_is_not_the_files_is_tried_three_times(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    ask(sent(service))
    monkeypatch.setattr("workers.mitigate.write_mitigated", broken)
    assert [make(service).state for _ in range(3)] == ["queued", "queued", "failed"]
    found = make(service)
    assert found.reason == "OSError: Input/output error (3 attempts)"
    assert found.reason_code == "mitigation-failed"


def test_a_disk_without_room_says_so(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(sent(service))
    monkeypatch.setattr(type(service.storage), "free", lambda self: 10)
    found = make(service)
    assert (found.state, found.reason_code) == ("failed", "disk-full")


def test_a_source_deleted_in_the_middle_stops_it(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.mitigation import write_mitigated

    def deleting(*args: object) -> object:
        assert service.client.delete("/api/v1/checkpoints/1").status_code == 204
        return write_mitigated(*args)  # type: ignore[arg-type]

    ask(sent(service))
    monkeypatch.setattr("workers.mitigate.write_mitigated", deleting)
    assert make(service).reason_code == "source-deleted"


def test_one_that_was_forgotten_meanwhile_is_no_fault(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.mitigation import write_mitigated

    def forgetting(*args: object) -> object:
        assert service.client.delete("/api/v1/mitigations/1").status_code == 204
        return write_mitigated(*args)  # type: ignore[arg-type]

    ask(sent(service))
    monkeypatch.setattr("workers.mitigate.write_mitigated", forgetting)
    mitigate_checkpoint(service.database, service.storage, service.settings, 1)
    assert service.get("/api/v1/mitigations") == []
    assert len(service.get("/api/v1/checkpoints")) == 2
    assert list(service.storage.work.iterdir()) == []


def test_a_tensor_that_is_not_finite_is_noted(service: Service) -> None:
    service.upload(save(base()), "base.safetensors")
    tuned = {name: tensor.clone() for name, tensor in base().items()}
    tuned[NAMES[0]] += 30 * torch.outer(torch.linalg.svd(tuned[NAMES[0]]).U[:, 20], torch.ones(20) / 20**0.5)
    tuned[NAMES[1]][0, 0] = torch.nan
    service.upload(save(tuned), "full.safetensors")
    service.work()
    ask(service)
    found = make(service)
    assert found.state == "done"
    assert found.report is not None
    assert "NaN" in found.report["weights"][1]["note"]


class Searches:
    """Stands in for the search for intruders: notes each tensor, and stops at some in its own way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException] | None = None) -> None:
        from analysis.mitigation.intruding import intruding

        self.seen: list[str] = []
        self.stop = stop

        def watched(
            comparison: Comparison, aligned: Aligned, recipe: MitigationOptions, device: str = "cpu"
        ) -> list[Intruding]:
            self.seen.append(aligned.base.name)
            if aligned.base.name == NAMES[1] and self.stop is not None:
                raise self.stop()
            return intruding(comparison, aligned, recipe, device)

        monkeypatch.setattr("analysis.mitigation.search.intruding", watched)


def content(service: Service, identity: int) -> list[str]:
    """The digests of a checkpoint's files."""
    names = [file["name"] for file in service.get(f"/api/v1/checkpoints/{identity}")["files"]]
    got = [service.client.get(f"/api/v1/checkpoints/{identity}/files/{name}").content for name in names]
    return [sha256(each).hexdigest() for each in got]


def test_told_to_stop_it_gives_back_and_the_next_goes_on_there(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(sent(service))
    service.workers.sent.clear()
    searches = Searches(monkeypatch, SystemExit)
    with pytest.raises(SystemExit):
        make(service)
    with service.database.reading() as session:
        left = mitigations.get(session, 1)
    assert (left.state, left.attempts) == ("queued", 0)
    assert ("mitigate", 1) in service.workers.sent

    searches.seen.clear()
    searches.stop = None
    assert make(service).state == "done"
    assert searches.seen == [NAMES[1], NAMES[0]]  # the one left, and the mitigated one again
    assert list(service.storage.work.iterdir()) == []
    ask(service)
    service.work()
    with service.database.reading() as session:
        broken, whole = mitigations.get(session, 1), mitigations.get(session, 2)
    assert broken.report == whole.report
    assert broken.checkpoint_id is not None
    assert whole.checkpoint_id is not None
    assert content(service, broken.checkpoint_id) == content(service, whole.checkpoint_id)


def test_attempts_over_one_tensor_end_and_their_findings_go(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(sent(service))
    searches = Searches(monkeypatch, MemoryError)
    assert [(made.state, made.attempts) for made in (make(service) for _ in range(4))] == [
        ("queued", 1), ("queued", 1), ("queued", 2), ("failed", 3),  # the first had found something
    ]  # fmt: skip
    assert searches.seen.count(NAMES[0]) == 1
    assert list(service.storage.work.iterdir()) == []
