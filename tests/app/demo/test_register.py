from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from app import checkpoints
from app.access.quotas import usual
from app.demo import lists, minilm
from app.demo.register import Demo, load, register
from app.errors import DiskFull, QuotaExceeded
from app.runs import runs
from tests.app.demo.experiment import write_experiment
from tests.service import Service, model


@pytest.fixture
def experiment(tmp_path: Path) -> lists.DemoList:
    return lists.list_experiment(write_experiment(tmp_path / "out"))


def put(service: Service, listed: lists.DemoList) -> Demo:
    return register(service.database, service.storage, service.settings, listed)


def count(service: Service) -> tuple[int, int]:
    with service.database.reading() as session:
        return len(checkpoints.listing(session)), len(runs.listing(session, 100))


def test_a_newcomer_sees_reports(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "find", lambda: None)
    made = load(service.database, service.storage, service.settings)
    service.work()
    assert made.added == 7
    names = [service.get(f"/api/v1/checkpoints/{identity}")["name"] for identity in made.checkpoints]
    assert names[:3] == ["Synthetic base", "Synthetic LoRA r=8", "Synthetic full fine-tune"]
    alone, together, family = (service.get(f"/api/v1/runs/{run}/report") for run in made.runs)
    assert alone["coverage"]["analysed"] >= 36
    groups = {tuple(each["group"]): each for each in together["summary"]["intruders"]["groups"]}
    assert groups[0, 1]["intruders"] > 0
    assert groups[0, 2]["intruders"] == 0
    assert {"intruders", "update", "overlap"} <= set(together["tables"])
    assert any("MLP down" in finding["text"] for finding in family["findings"])


def test_what_was_deleted_comes_back(service: Service, experiment: lists.DemoList) -> None:
    first = put(service, experiment)
    with service.database.writing() as session:
        checkpoints.delete(session, first.checkpoints[1])
    second = put(service, experiment)
    assert second.added == 1
    assert second.checkpoints[0] == first.checkpoints[0]
    assert second.runs[0] == first.runs[0]
    assert second.runs[1] != first.runs[1]


def test_two_at_once_make_it_once(service: Service, experiment: lists.DemoList) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: put(service, experiment), range(4)))
    assert sum(each.added for each in found) == 2
    assert len({(each.checkpoints, each.runs) for each in found}) == 1
    assert count(service) == (2, 2)
    assert list(service.storage.incoming.iterdir()) == []


def test_another_of_that_name_is_left_alone(service: Service, experiment: lists.DemoList) -> None:
    service.upload(model(layers=3), "base")
    made = put(service, experiment)
    assert made.added == 2
    with service.database.reading() as session:
        assert len(checkpoints.listing(session)) == 3
        assert [member.checkpoint_id for member in runs.get(session, made.runs[1]).members] == list(made.checkpoints)


def test_the_runs_are_those_that_the_list_wants(service: Service, experiment: lists.DemoList) -> None:
    wanted = (lists.Wanted(("base", "full"), {"norms": {}}),)
    (run,) = put(service, replace(experiment, runs=wanted)).runs
    found = service.get(f"/api/v1/runs/{run}")
    assert [member["name"] for member in found["checkpoints"]] == ["base", "full"]
    assert list(found["diagnostics"]) == ["norms"]


@pytest.mark.parametrize("limit", [{"bytes": 1000}, {"files": 1}, {"runs": 1}])
def test_a_quota_refuses_all_of_it(service: Service, experiment: lists.DemoList, limit: dict[str, int]) -> None:
    service.database.limits = replace(usual(service.settings), **limit)
    with pytest.raises(QuotaExceeded):
        put(service, experiment)
    assert count(service) == (0, 0)
    assert list(service.storage.incoming.iterdir()) == []


def test_a_full_disk_is_said_before_anything_is_copied(service: Service, experiment: lists.DemoList) -> None:
    with pytest.raises(DiskFull):
        register(
            service.database, service.storage, service.settings.model_copy(update={"disk_reserve": 1 << 60}), experiment
        )
    assert count(service) == (0, 0)
