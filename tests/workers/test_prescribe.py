"""The task of a prescription: its files are stored, it says what it cannot compute, and tries again what fails."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load, save

from analysis.prescriptions import prescription as records
from app import prescriptions
from tests.mitigations import NAMES, base, factors
from tests.prescriptions import URL, ask, compared
from tests.service import Service
from workers.prescribe import compute_prescription


def make(service: Service, identity: int = 1) -> dict[str, Any]:
    compute_prescription(service.database, service.storage, service.settings, identity)
    found: dict[str, Any] = service.get(f"{URL}/{identity}")
    return found


def stored(service: Service) -> list[Path]:
    return [path for path in service.storage.blobs.rglob("*") if path.is_file()]


def test_the_files_of_an_update_are_stored_and_gone_when_it_is_deleted(service: Service) -> None:
    compared(service)
    before = stored(service)
    queued = ask(service, "lora-rank", options={"rule": "energy", "value": 0.9})
    assert (queued["state"], queued["positions"], queued["record"], queued["files"]) == ("queued", [0, 1], None, [])
    told = make(service)
    assert (told["state"], told["record"]["kind"], told["files"][0]) == ("done", "lora-rank", "prescription.json")
    assert told["record"]["entries"][NAMES[0]] == 1  # one strong direction
    content = {name: service.client.get(f"{URL}/1/files/{name}").content for name in told["files"]}
    assert json.loads(content["prescription.json"]) == told["record"]
    adapter = load(content["adapter/adapter_model.safetensors"])
    A, B = (adapter[f"base_model.model.{NAMES[0].removesuffix('.weight')}.lora_{side}.weight"] for side in "AB")
    whole = [factors()[f"base_model.model.{NAMES[0].removesuffix('.weight')}.lora_{side}.weight"] for side in "BA"]
    update = whole[0] @ whole[1]
    assert torch.linalg.norm(B @ A - update) / torch.linalg.norm(update) < 0.32  # √(1 - 0.9)
    assert len(stored(service)) > len(before)
    assert service.client.delete(f"{URL}/1").status_code == 204
    assert stored(service) == before
    service.get(f"{URL}/1", 404)


def test_every_rule_on_weights_ends_done_or_with_a_code(service: Service) -> None:
    compared(service)
    for number, known in enumerate(prescriptions.FROM_WEIGHTS, 1):
        ask(service, known.name)
        told = make(service, number)
        assert told["state"] == "done" or told["reason"]["code"] != "prescription-failed", (known.name, told["reason"])
        if told["state"] == "done":
            for name in told["files"]:
                assert service.client.get(f"{URL}/{number}/files/{name}").status_code == 200
    states = {each["kind"]: each["state"] for each in service.get(URL)}
    assert states == {**dict.fromkeys(states, "done"), "slices": "failed"}  # there is no attention in this model


def test_what_a_rule_cannot_say_is_its_reason(service: Service) -> None:
    compared(service)
    ask(service, "lora-rank", options={"rule": "budget", "value": 1})
    told = make(service)
    assert (told["state"], told["reason"]["code"]) == ("failed", "unreachable-target")
    assert list(service.storage.work.iterdir()) == []


def test_a_fault_that_is_not_the_files_is_tried_three_times(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    ask(compared(service), "traps")
    monkeypatch.setattr("workers.prescribe.write", broken)
    assert [make(service)["state"] for _ in range(3)] == ["queued", "queued", "failed"]
    reason = "OSError: Input/output error (3 attempts)"
    assert service.get(f"{URL}/1")["reason"] == {"code": "prescription-failed", "message": reason}


def test_told_to_stop_it_gives_back(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise SystemExit

    ask(compared(service), "traps")
    monkeypatch.setattr(records.Rule, "prescribe", stopped)
    with pytest.raises(SystemExit):
        make(service)
    monkeypatch.undo()
    assert service.get(f"{URL}/1")["state"] == "queued"
    assert make(service)["state"] == "done"


def test_one_that_was_deleted_meanwhile_is_no_fault(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = records.Rule.prescribe

    def deleting(*args: Any) -> Any:
        assert service.client.delete(f"{URL}/1").status_code == 204
        return whole(*args)

    ask(compared(service), "lora-rank")
    before = stored(service)
    monkeypatch.setattr(records.Rule, "prescribe", deleting)
    compute_prescription(service.database, service.storage, service.settings, 1)
    assert service.get(URL) == []
    assert stored(service) == before


def test_peft_loads_the_adapter_that_was_made(service: Service, tmp_path: Path) -> None:
    compared(service)
    ask(service, "lora-rank", position=2)
    told = make(service)
    assert told["state"] == "done", told["reason"]
    for name in (each for each in told["files"] if each.startswith("adapter/")):
        (tmp_path / "adapter").mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(service.client.get(f"{URL}/1/files/{name}").content)

    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mlp = torch.nn.ModuleDict({"up_proj": torch.nn.Linear(20, 40, bias=False)})

    outer = torch.nn.Module()
    outer.model = torch.nn.Module()
    outer.model.layers = torch.nn.ModuleList([Block(), Block()])
    outer.load_state_dict(base())
    config = LoraConfig.from_pretrained(str(tmp_path / "adapter"))
    assert config.lora_alpha == config.r
    loaded = PeftModel.from_pretrained(outer, str(tmp_path / "adapter"))
    found = {name for name, _ in loaded.named_parameters() if "lora_A" in name}
    assert any("layers.0.mlp.up_proj" in name for name in found)


def optimizer_beside(service: Service, state: Any) -> dict[str, Any]:
    """What `monitor` says of a run over one checkpoint that was sent with this beside it."""
    stream = io.BytesIO()
    torch.save(state, stream)
    weights = {f"layers.{n}.q_proj.weight": torch.randn(24 + 8 * n, 24, generator=torch.Generator().manual_seed(n))
               for n in range(2)}  # fmt: skip
    sent = service.send("step 10", {"model.safetensors": save(weights), "optimizer.pt": stream.getvalue()})
    service.work()
    service.run(sent["id"], diagnostics={"norms": {}})
    service.work()
    ask(service, "monitor")
    return make(service)


def adam(*shapes: tuple[int, int]) -> dict[str, Any]:
    random = torch.Generator().manual_seed(7)
    moments = {n: {"exp_avg": torch.randn(s, generator=random), "exp_avg_sq": torch.rand(s, generator=random)}
               for n, s in enumerate(shapes)}  # fmt: skip
    names = [f"layers.{n}.q_proj.weight" for n in range(len(shapes))]
    return {"state": moments, "param_groups": [{"params": list(moments), "param_names": names, "lr": 1e-3}]}


def test_the_moments_of_an_optimizer_beside_the_weights_are_measured(service: Service) -> None:
    told = optimizer_beside(service, adam((24, 24), (32, 24)))
    assert told["state"] == "done", told["reason"]
    assert set(told["record"]["moments"]) == {"layers.0.q_proj.weight", "layers.1.q_proj.weight"}
    assert set(told["record"]["moments"]["layers.1.q_proj.weight"]) == {"exp_avg", "update"}
    assert b"exp_avg.stable_rank" in service.client.get(f"{URL}/1/files/monitor.csv").content


def test_an_optimizer_that_cannot_be_read_or_belongs_elsewhere_is_left_out(service: Service) -> None:
    state = adam((24, 24), (48, 24))
    del state["param_groups"][0]["param_names"]
    told = optimizer_beside(service, state)
    assert told["state"] == "done", told["reason"]
    assert "moments" not in told["record"]
    assert any(
        "optimizer's state was left out: optimizer.pt does not belong" in note for note in told["record"]["notes"]
    )
    assert set(told["record"]["entries"]) == {"layers.0.q_proj.weight", "layers.1.q_proj.weight"}
