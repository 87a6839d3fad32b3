import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from app import checkpoints
from app.cli import demo
from app.cli.main import main
from app.errors import BadUpload
from app.runs import runs
from tests.service import Service, model, settings, tensors


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """A folder as the experiment leaves it, with a base and a full fine-tune."""
    folder = tmp_path / "out"
    (folder / "full").mkdir(parents=True)
    (folder / "base.safetensors").write_bytes(model())
    tuned = {name: tensor + 0.01 * torch.randn_like(tensor) for name, tensor in tensors().items()}
    save_file(tuned, folder / "full" / "model.safetensors")
    entries = [
        {"name": "base", "files": ["base.safetensors"]},
        {"name": "full", "files": ["full/model.safetensors"]},
    ]
    (folder / demo.MANIFEST).write_text(json.dumps({"checkpoints": entries}))
    return folder


def test_a_newcomer_sees_reports(service: Service) -> None:
    with demo.sources(None) as found:
        made = demo.register(service.database, service.storage, service.settings, found)
    service.workers.sent.extend(("ingest", identity) for identity in made.checkpoints)
    service.work()
    assert made.added == 3
    names = [service.get(f"/api/v1/checkpoints/{identity}")["name"] for identity in made.checkpoints]
    assert names == ["Synthetic base", "Synthetic LoRA r=8", "Synthetic full fine-tune"]
    alone, together = (service.get(f"/api/v1/runs/{run}/report") for run in made.runs)
    assert alone["coverage"]["analysed"] >= 36
    groups = {tuple(each["group"]): each for each in together["summary"]["intruders"]["groups"]}
    assert groups[0, 1]["intruders"] > 0
    assert groups[0, 2]["intruders"] == 0
    assert {"intruders", "update", "overlap"} <= set(together["tables"])


def test_a_second_call_adds_nothing(tmp_path: Path, experiment: Path) -> None:
    chosen = settings(tmp_path / "data")
    first, second = demo.fill(chosen, experiment), demo.fill(chosen, experiment)
    assert (first.added, second.added) == (2, 0)
    assert (second.checkpoints, second.runs) == (first.checkpoints, first.runs)
    assert list((tmp_path / "data" / "incoming").iterdir()) == []


def test_what_was_deleted_comes_back(service: Service, experiment: Path) -> None:
    def again() -> demo.Demo:
        return demo.register(service.database, service.storage, service.settings, demo.list_experiment(experiment))

    first = again()
    with service.database.writing() as session:
        checkpoints.delete(session, first.checkpoints[1])
    second = again()
    assert second.added == 1
    assert second.checkpoints[0] == first.checkpoints[0]
    assert second.runs[0] == first.runs[0]
    assert second.runs[1] != first.runs[1]


def test_another_of_that_name_is_left_alone(service: Service, experiment: Path) -> None:
    service.upload(model(layers=3), "base")
    made = demo.register(service.database, service.storage, service.settings, demo.list_experiment(experiment))
    assert made.added == 2
    with service.database.reading() as session:
        assert len(checkpoints.listing(session)) == 3
        assert [member.checkpoint_id for member in runs.get(session, made.runs[1]).members] == list(made.checkpoints)


def test_a_base_alone_has_one_run(service: Service, experiment: Path) -> None:
    found = demo.DemoList.of(dict(list(demo.list_experiment(experiment).files.items())[:1]))
    assert len(demo.register(service.database, service.storage, service.settings, found).runs) == 1


def test_an_experiment_may_say_which_runs_it_wants(service: Service, experiment: Path) -> None:
    path = experiment / demo.MANIFEST
    wanted = {"checkpoints": ["base", "full"], "diagnostics": {"norms": {}}}
    path.write_text(json.dumps({**json.loads(path.read_text()), "runs": [wanted]}))
    (run,) = demo.register(service.database, service.storage, service.settings, demo.list_experiment(experiment)).runs
    found = service.get(f"/api/v1/runs/{run}")
    assert [member["name"] for member in found["checkpoints"]] == ["base", "full"]
    assert list(found["diagnostics"]) == ["norms"]


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "No such file"),
        ("{", "lists no checkpoints"),
        ('{"checkpoints": [{"name": "base"}]}', "lists no checkpoints"),
        ('{"checkpoints": 3}', "lists no checkpoints"),
        ('{"checkpoints": [], "runs": [{"checkpoints": ["gone"]}]}', "run over gone, which it does not list"),
        ('{"checkpoints": [{"name": "base", "files": ["gone.pt"]}]}', "gone.pt, which does not exist"),
    ],
)
def test_a_wrong_list_is_said(tmp_path: Path, manifest: str | None, said: str) -> None:
    if manifest is not None:
        (tmp_path / demo.MANIFEST).write_text(manifest)
    with pytest.raises(BadUpload, match=said):
        demo.list_experiment(tmp_path)


def test_the_command_says_what_there_is(tmp_path: Path, experiment: Path) -> None:
    call = ["demo", str(experiment), "--data-dir", str(tmp_path / "data")]
    first, second = CliRunner().invoke(main, call), CliRunner().invoke(main, call)
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "2 checkpoints, 2 of them new; runs 1 and 2." in first.output
    assert "all of them already exist" in second.output


def test_the_command_refuses_in_words(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["demo", str(tmp_path), "--data-dir", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert "`make example` writes it" in result.output
