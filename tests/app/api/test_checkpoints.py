"""Checkpoints over HTTP: sent in every form, listed, looked at, deleted; hostile ones refused with a reason."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.storage.blobs import Incoming
from tests.hostile import HOSTILE, Hostile, marker
from tests.service import Service, model, settings

pytestmark = pytest.mark.child_process  # hostile files among others


def test_a_raw_body_becomes_a_checkpoint(service: Service) -> None:
    answer = service.client.post("/api/v1/checkpoints?filename=m.safetensors&name=first", content=model())
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/v1/checkpoints/1"
    sent = answer.json()
    assert (sent["name"], sent["state"], sent["files"][0]["name"]) == ("first", "received", "m.safetensors")
    assert sent["bytes"] == len(model())
    service.work()
    ready = service.get("/api/v1/checkpoints/1")
    assert (ready["state"], ready["format"], ready["kind"], ready["tensors"]) == ("ready", "safetensors", "model", 7)
    assert ready["parameters"] == 40 * 24 + 2 * (24 * 24 + 48 * 24 + 48)


def test_a_form_of_several_files_becomes_one_checkpoint(service: Service) -> None:
    files = [("files", (f"m/model-0000{i}-of-00002.safetensors", model(i))) for i in (1, 2)]
    answer = service.client.post("/api/v1/checkpoints", files=files, data={"name": "both"})
    assert answer.status_code == 201
    assert answer.json()["name"] == "both"
    assert [file["name"] for file in answer.json()["files"]] == [name for _, (name, _) in files]


def test_tensors_are_listed_before_any_analysis(service: Service) -> None:
    service.upload(model())
    assert service.get("/api/v1/checkpoints/1/tensors") == []
    service.work()
    listed = {each["name"]: each for each in service.get("/api/v1/checkpoints/1/tensors")}
    query = listed["model.layers.1.self_attn.q_proj.weight"]
    assert query == {
        "name": "model.layers.1.self_attn.q_proj.weight", "shape": [24, 24], "dtype": "float32", "bytes": 24 * 24 * 4,
        "role": "q", "depth": 1, "skip": None,
    }  # fmt: skip
    assert listed["model.layers.0.mlp.up_proj.bias"]["skip"]


def test_the_newest_comes_first(service: Service) -> None:
    for layers in (1, 2, 3):
        service.upload(model(layers), f"{layers}.safetensors")
    assert [each["id"] for each in service.get("/api/v1/checkpoints")] == [3, 2, 1]
    assert [each["id"] for each in service.get("/api/v1/checkpoints", limit=1)] == [3]
    service.run(2)
    assert [each["latest_run"] for each in service.get("/api/v1/checkpoints")] == [None, 1, None]


@pytest.mark.parametrize("path", ["/api/v1/checkpoints/1", "/api/v1/checkpoints/1/tensors"])
def test_what_is_not_there_is_not_found(service: Service, path: str) -> None:
    assert service.get(path, 404)["code"] == "not-found"


def test_deletion_is_for_good(analysed: Service) -> None:
    assert analysed.client.delete("/api/v1/checkpoints/1").status_code == 204
    assert analysed.client.delete("/api/v1/checkpoints/1").status_code == 404
    assert analysed.upload(model())["id"] == 2  # an id never means another checkpoint


def test_an_upload_over_the_limit_is_refused(service: Service) -> None:
    service.client.app.state.settings = service.settings.model_copy(update={"upload_limit": 10})  # type: ignore[attr-defined]
    answer = service.client.post("/api/v1/checkpoints", content=bytes(11))
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize("multipart", [False, True])
def test_a_full_disk_is_507_and_leaves_no_half_file(
    service: Service, monkeypatch: pytest.MonkeyPatch, multipart: bool
) -> None:
    class FullDisk:
        """A file that takes 1,000 bytes."""

        def __init__(self, descriptor: int) -> None:
            self.descriptor, self.room = descriptor, 1000

        def write(self, data: memoryview) -> int:
            if self.room <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            count = os.write(self.descriptor, data[: self.room])
            self.room -= count
            return count

        def fileno(self) -> int:
            return self.descriptor

        def close(self) -> None:
            os.close(self.descriptor)

    monkeypatch.setattr("app.storage.blobs.os.fdopen", lambda descriptor, *_, **__: FullDisk(descriptor))
    if multipart:
        answer = service.client.post("/api/v1/checkpoints", files={"files": ("m.bin", bytes(5000))})
    else:
        answer = service.client.post("/api/v1/checkpoints", content=bytes(5000))
    assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")
    assert list(service.storage.incoming.iterdir()) == []
    assert service.get("/api/v1/checkpoints") == []


def test_no_room_for_what_is_announced_is_507_at_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Incoming, data: bytes) -> None:
        raise AssertionError("nothing should be written")

    monkeypatch.setattr(Incoming, "write", never)
    service.client.app.state.settings = service.settings.model_copy(update={"disk_reserve": 1 << 60})  # type: ignore[attr-defined]
    assert service.client.post("/api/v1/checkpoints", content=b"x").status_code == 507


def is_sent(hostile: Hostile) -> bool:
    """Whether an upload can hold it: neither a file that is missing, nor a link."""
    return hostile.code != "missing-file" and hostile.name != "onnx: data by a link"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service to which all hostile files are sent, one after the other, and at the end a good one."""
    service = Service(settings(tmp_path_factory.mktemp("attacked")))
    yield service
    good = service.upload(model())["id"]
    service.work()
    assert service.get(f"/api/v1/checkpoints/{good}")["state"] == "ready"
    service.close()


@pytest.mark.parametrize("hostile", [each for each in HOSTILE if is_sent(each)], ids=lambda hostile: hostile.name)
def test_hostile_files_are_rejected_with_a_reason_and_the_service_stays_up(
    attacked: Service, tmp_path: Path, hostile: Hostile
) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    built = hostile.build(folder)
    beside = folder.rglob("*.bin") if built[0].suffix == ".onnx" else []  # its numbers, which an upload has to bring
    paths = [path for given in (*built, *beside) for path in (sorted(given.rglob("*")) if given.is_dir() else [given])]
    files = [("files", (str(path.relative_to(folder)), path.read_bytes())) for path in paths if path.is_file()]
    sent = attacked.client.post("/api/v1/checkpoints", files=files)
    assert sent.status_code == 201
    run = attacked.run(sent.json()["id"])["id"]
    attacked.work()
    found = attacked.get(f"/api/v1/checkpoints/{sent.json()['id']}")
    assert (found["state"], found["reason"]["code"]) == ("rejected", hostile.code)
    assert len(found["reason"]["message"]) > 20
    assert attacked.get(f"/api/v1/runs/{run}")["state"] == "failed"
    assert not marker(folder).exists()


def test_facts_come_along_with_an_upload(service: Service) -> None:
    facts = {"filename": "m.safetensors", "facts": "lr=1e-3,wd=0,optimizer=AdamW"}
    sent = service.client.post("/api/v1/checkpoints", params=facts, content=model()).json()
    assert sent["facts"] == {"learning_rate": 1e-3, "weight_decay": 0.0, "optimizer": "AdamW"}
    form = {"files": ("m.safetensors", model())}
    sent = service.client.post("/api/v1/checkpoints", files=form, data={"facts": "steps=7"}).json()
    assert (sent["stated"], sent["contradictions"]) == ({"step": 7.0}, [])


@pytest.mark.parametrize("where", ["query", "form"])
def test_facts_that_make_no_sense_refuse_the_upload(service: Service, where: str) -> None:
    told = {"facts": "lr=0"}
    files = {"files": ("m.safetensors", model())}
    params, data = (told, {}) if where == "query" else ({}, told)
    answer = service.client.post("/api/v1/checkpoints", params=params, data=data, files=files)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-fact")
    assert answer.json()["detail"] == "learning_rate must be above 0, not 0"
    assert service.get("/api/v1/checkpoints") == []
    assert list(service.storage.incoming.iterdir()) == []


def test_facts_are_edited_and_contradictions_told(service: Service) -> None:
    service.send("m", {"model.safetensors": model(), "config.json": b'{"hidden_size": 24}'})
    service.work()
    asked = {"name": "narrow", "facts": {"width": 32, "learning_rate": 0.01}}
    edited = service.client.patch("/api/v1/checkpoints/1", json=asked).json()
    assert (edited["name"], edited["contradictions"]) == ("narrow", ["width"])
    assert edited["facts"] == {"width": 32.0, "learning_rate": 0.01}
    back = service.client.patch("/api/v1/checkpoints/1", json={"facts": {"width": None}}).json()
    assert (back["facts"], back["contradictions"]) == ({"width": 24, "learning_rate": 0.01}, [])
    assert back["name"] == "narrow"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"weight_decay": -0.1}, "weight_decay must be 0 or more"),
        ({"learning_rate": 0}, "learning_rate must be above 0"),
        ({"step": "many"}, "step must be a number"),
        ({"step": True}, "step must be a number"),
        ({"optimizer": "x" * 101}, "at most 100 characters"),
        ({"colour": 1}, "there is no fact 'colour'"),
    ],
)
def test_facts_that_make_no_sense_change_nothing(service: Service, facts: dict[str, object], said: str) -> None:
    service.upload(model())
    answer = service.client.patch("/api/v1/checkpoints/1", json={"name": "other", "facts": facts})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-fact")
    assert said in answer.json()["detail"]
    assert service.get("/api/v1/checkpoints/1")["stated"] == {}
    assert service.get("/api/v1/checkpoints/1")["name"] == "model.safetensors"


def test_the_list_is_searched_sorted_and_counted_page_by_page(service: Service) -> None:
    for name in ("beta", "alpha", "gamma"):
        service.upload(model(), f"{name}.safetensors")
    service.client.patch("/api/v1/checkpoints/1", json={"tags": ["best"], "notes": "warm start"})
    service.client.patch("/api/v1/checkpoints/3", json={"archived": True})
    answer = service.client.get("/api/v1/checkpoints", params={"sort": "name", "limit": 1})
    assert ([each["name"] for each in answer.json()], answer.headers["x-total-count"]) == (["alpha.safetensors"], "2")
    second = service.client.get(answer.links["next"]["url"])
    assert [each["name"] for each in second.json()] == ["beta.safetensors"]
    assert "next" not in second.links
    assert [each["id"] for each in service.get("/api/v1/checkpoints", q="WARM")] == [1]
    assert [each["id"] for each in service.get("/api/v1/checkpoints", tag="best", q="beta")] == [1]
    assert [each["id"] for each in service.get("/api/v1/checkpoints", show="archived")] == [3]
    assert service.get("/api/v1/checkpoints", 422, sort="colour")["code"] == "invalid-request"


def test_labels_change_the_version_of_a_checkpoint(analysed: Service) -> None:
    first = analysed.client.get("/api/v1/checkpoints/1")
    assert first.json()["overview"]["finding"]
    analysed.client.patch("/api/v1/checkpoints/1", json={"notes": "seen"})
    again = analysed.client.get("/api/v1/checkpoints/1", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.json()["notes"]) == (200, "seen")


def test_a_name_is_guessed_where_the_files_say_one(service: Service) -> None:
    config = b'{"_name_or_path": "org/MiniLM-L6"}'
    for name in ("model.safetensors", "mine.safetensors"):
        service.client.post(
            "/api/v1/checkpoints", files=[("files", (name, model())), ("files", ("config.json", config))]
        )
    service.work()
    assert [each["name"] for each in service.get("/api/v1/checkpoints")] == ["mine.safetensors", "MiniLM-L6"]
