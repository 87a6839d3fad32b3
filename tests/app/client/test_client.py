"""The client against a real server: what it sends, what it gives, and how it fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from eigenscope import Client, Late, Refused, Rejected, RemoteError, RunEnded, TokenRefused, Unreachable
from safetensors.torch import save_file

from tests.listening import listening
from tests.service import Service, model, settings, tensors

POLICY = "rules:\n  - {column: norms.stable_rank, aggregate: median, between: [1, 1000]}\n"


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    with listening(service.app) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as found:
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tuned.safetensors"
    path.write_bytes(model())
    return path


def test_a_checkpoint_is_uploaded_analysed_and_reported(
    service: Service, client: Client, address: str, file: Path
) -> None:
    sent = client.upload(file, name="model@main", facts={"learning_rate": 0.001})
    assert (sent.name, sent.state, sent.url) == ("model@main", "received", f"{address}/checkpoints/{sent.id}")
    assert sent.facts["learning_rate"] == 0.001
    asked = client.analyse(sent, ["norms"])
    assert (asked.state, list(asked.diagnostics), asked.checkpoints) == ("waiting", ["norms"], (sent.id,))
    service.work()
    assert client.checkpoint(sent.id).state == "ready"
    done = client.wait(asked)
    assert (done.state, done.done, done.total) == ("done", 5, 5)
    assert done == client.run(done.id)
    report = client.report(done)
    assert report.body == service.get(f"/api/v1/runs/{done.id}/report")
    assert len(report.layers) == 5
    assert client.upload(file).name == "tuned.safetensors"


def test_a_folder_is_sent_with_what_a_checkpoint_is_made_of(service: Service, client: Client, file: Path) -> None:
    for name in ("config.json", "README.md"):
        file.with_name(name).write_text("{}")
    sent = client.upload(str(file.parent))
    files = [each["name"] for each in service.get(f"/api/v1/checkpoints/{sent.id}")["files"]]
    assert sorted(name.rpartition("/")[2] for name in files) == ["config.json", "tuned.safetensors"]


def test_fine_tunes_are_compared_with_their_base(service: Service, client: Client, file: Path) -> None:
    base = file.with_name("base.safetensors")
    save_file({name: each + 0.01 for name, each in tensors().items()}, base)
    first, second = client.upload(base), client.upload(file)
    asked = client.compare(first, second, diagnostics={"update": {}})
    service.work()
    assert asked.checkpoints == (first.id, second.id)
    assert {tuple(row["group"]) for row in client.report(client.wait(asked)).table("update")} == {(0, 1)}
    with pytest.raises(ValueError, match="at least one fine-tune"):
        client.compare(first)


def test_a_policy_opens_or_closes_the_gate(service: Service, client: Client, file: Path, tmp_path: Path) -> None:
    run = client.analyse(client.upload(file), ["norms"])
    service.work()
    path = tmp_path / "eigenscope.yml"
    path.write_text(POLICY)
    assert client.gate(run, path).passed
    verdict = client.gate(run.id, POLICY.replace("1000", "1.0001"), baseline=run)
    assert (verdict.passed, verdict.verdict, verdict.rules[0]["outcome"]) == (False, "fail", "fail")
    assert verdict.headline
    with pytest.raises(Refused) as wrong:
        client.gate(run, "rules: 3")
    assert wrong.value.code == "bad-policy"


def test_what_is_no_checkpoint_is_rejected_with_the_service_s_code(
    service: Service, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_text("<!DOCTYPE html><html></html>")
    run = client.analyse(client.upload(path))
    service.work()
    with pytest.raises(Rejected, match=r"checkpoint model\.safetensors was rejected") as told:
        client.wait(run)
    assert told.value.code == client.checkpoint(run.checkpoints[0]).code == "html-page"
    (tmp_path / "empty").mkdir()
    with pytest.raises(Rejected, match="contains no checkpoint file") as empty:
        client.upload(tmp_path / "empty")
    assert empty.value.code == "missing-file"


def test_a_run_that_ends_otherwise_and_one_that_does_not_end(service: Service, client: Client, file: Path) -> None:
    run = client.analyse(client.upload(file))
    with pytest.raises(Late) as late:
        client.wait(run, timeout=0.2)
    assert late.value.code == "time-out"
    service.client.post(f"/api/v1/runs/{run.id}/cancel")
    with pytest.raises(RunEnded, match="is cancelled"):
        client.wait(run)
    with pytest.raises(RemoteError) as gone:
        client.run(99)
    assert gone.value.code == "not-found"


def test_a_token_is_sent_and_its_refusal_has_a_code(tmp_path: Path) -> None:
    service = Service(settings(tmp_path / "data", token="master-0123456789abcdef"))
    with listening(service.app) as port:
        server = f"http://127.0.0.1:{port}/api/v1"  # as the documentation of the API writes it
        with Client(server) as anonymous, pytest.raises(TokenRefused) as told:
            anonymous.run(1)
        assert told.value.code == "token-required"
        with Client(server, token="master-0123456789abcdef") as known, pytest.raises(RemoteError) as gone:
            known.run(1)
        assert gone.value.code == "not-found"
    service.close()


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.client.remote.PAUSE", 0.001)
    with Client("http://127.0.0.1:1") as client, pytest.raises(Unreachable) as told:
        client.run(1)
    assert told.value.code == "server-unreachable"
    assert "127.0.0.1" in str(told.value)
