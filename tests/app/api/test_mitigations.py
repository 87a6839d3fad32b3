"""Mitigations over HTTP, from the request to the download and the comparison."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from tests.mitigations import NAMES, ask, base, factors, merged, send_adapter, send_base, sent
from tests.service import Service


def test_a_mended_adapter_from_request_to_download(service: Service) -> None:
    asked = ask(sent(service), **{"lambda": 0.0, "rank": 3})
    assert (asked["state"], asked["name"]) == ("queued", "LoRA r=2 mitigated λ=0")
    service.work()
    told = service.get("/api/v1/mitigations/1")
    assert (told["state"], told["checkpoint"], told["run"], told["current"]) == ("done", 3, 1, None)
    report = told["report"]
    assert (report["before"], report["after"], report["matrices"], report["form"]) == (1, 0, 2, "adapter")
    assert [(each["weight"], each["before"], each["rank"]) for each in report["weights"]] == [
        (NAMES[0], 1, 3),
        (NAMES[1], 0, None),
    ]
    made = service.get("/api/v1/checkpoints/3")
    assert (made["state"], made["kind"], made["facts"]["mitigated_from"]) == ("ready", "adapter", "LoRA r=2")
    files = {file["name"]: service.client.get(f"/api/v1/checkpoints/3/files/{file['name']}") for file in made["files"]}
    assert set(files) == {"adapter_config.json", "adapter_model.safetensors"}
    tensors, settings = (
        load(files["adapter_model.safetensors"].content),
        json.loads(files["adapter_config.json"].content),
    )
    stem = "base_model.model." + NAMES[0].removesuffix(".weight")
    A, B = tensors[f"{stem}.lora_A.weight"], tensors[f"{stem}.lora_B.weight"]
    alpha = next(iter(settings.get("alpha_pattern", {}).values()), settings["lora_alpha"])
    now = base()[NAMES[0]] + alpha / len(A) * B @ A
    assert torch.allclose(torch.linalg.svdvals(now)[:12], torch.linspace(9.0, 1.0, 12), atol=0.05)


def test_the_comparison_of_base_tuned_and_mended_begins_by_itself(service: Service) -> None:
    ask(sent(service), k=5, epsilon=0.4, **{"lambda": 0.0})
    service.work()
    run = service.get("/api/v1/runs/1")
    assert (run["state"], [member["id"] for member in run["checkpoints"]]) == ("done", [1, 2, 3])
    assert run["diagnostics"]["intruders"]["k"] == 5
    assert run["diagnostics"]["intruders"]["epsilon"] == 0.4
    rows = service.get("/api/v1/runs/1/report")["tables"]["intruders"]
    counts = {(row["weight"], tuple(row["group"])): row["count"] for row in rows}
    assert counts[NAMES[0], (0, 1)] == 1
    assert counts[NAMES[0], (0, 2)] == 0


def test_a_full_fine_tune_becomes_whole_weights(service: Service) -> None:
    send_base(service)
    service.upload(save(merged()), "full.safetensors")
    service.work()
    ask(service, name="healed")
    service.work()
    made = service.get("/api/v1/checkpoints/3")
    assert (made["name"], made["kind"], [file["name"] for file in made["files"]]) == (
        "healed", "model", ["model.safetensors"],
    )  # fmt: skip


def test_the_newest_comes_first_and_one_can_be_forgotten(service: Service) -> None:
    ask(sent(service))
    ask(service, **{"lambda": 0.5})
    service.work()
    assert [each["id"] for each in service.get("/api/v1/mitigations")] == [2, 1]
    assert service.client.delete("/api/v1/mitigations/1").status_code == 204
    assert service.get("/api/v1/mitigations/1", 404)["code"] == "not-found"
    assert service.get("/api/v1/checkpoints/3")["state"] == "ready"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"base": 9}, 404, "not-found"),
        ({"tuned": 1}, 409, "conflict"),
        ({"lambda": -1}, 400, "bad-option"),
        ({"lambda": "much"}, 400, "bad-option"),
        ({"k": 0}, 400, "bad-option"),
        ({"epsilon": 2}, 400, "bad-option"),
        ({"form": "gguf"}, 400, "bad-option"),
        ({"rank": 0}, 400, "bad-option"),
        ({"colour": "red"}, 422, "invalid-request"),
        ({"base": 2, "tuned": 1}, 409, "base-is-adapter"),
        ({"base": "x"}, 422, "invalid-request"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(service: Service, asked: dict[str, Any], status: int, code: str) -> None:
    assert ask(sent(service), status, **asked)["code"] == code
    assert service.get("/api/v1/mitigations") == []


def test_nan_is_no_lambda(service: Service) -> None:
    sent(service)
    body = '{"base": 1, "tuned": 2, "lambda": NaN}'
    answer = service.client.post("/api/v1/mitigations", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)


def test_a_base_of_another_model_is_refused(service: Service) -> None:
    service.upload(save({"blocks.0.w.weight": torch.randn(9, 5)}))
    send_adapter(service)
    service.work()
    assert ask(service, 409)["code"] == "unknown-names"


def test_no_adapter_is_made_of_a_whole_model(service: Service) -> None:
    send_base(service)
    service.upload(save(merged()), "full.safetensors")
    service.work()
    assert ask(service, 409, form="adapter")["code"] == "conflict"


@pytest.mark.parametrize("content", [b"", save(base())])
def test_what_is_not_ready_is_a_conflict(service: Service, content: bytes) -> None:
    """Rejected, or still to be read."""
    send_adapter(service)
    service.work()
    other = service.upload(content)["id"]
    if not content:
        service.work()
    assert ask(service, 409, base=other, tuned=1)["code"] == "conflict"


def test_dora_is_refused_as_an_adapter(service: Service, tmp_path: Path) -> None:
    send_base(service)
    stems = ["base_model.model." + name.removesuffix(".weight") for name in NAMES]
    magnitudes = {f"{stem}.lora_magnitude_vector": torch.ones(40) for stem in stems}
    files = [
        ("files", ("adapter_model.safetensors", save({**factors(), **magnitudes}))),
        ("files", ("adapter_config.json", json.dumps(
            {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "use_dora": True}).encode())),
    ]  # fmt: skip
    assert service.client.post("/api/v1/checkpoints", files=files).status_code == 201
    service.work()
    ask(service, form="adapter")
    service.work()
    told = service.get("/api/v1/mitigations/1")
    assert (told["state"], told["reason"]["code"]) == ("failed", "no-adapter-form")
    assert "Choose the form “weights”" in told["reason"]["message"]
