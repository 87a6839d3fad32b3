import json
from pathlib import Path

import pytest

from app.demo import lists, minilm
from app.errors import BadUpload
from tests.app.demo.experiment import write_experiment


def test_without_the_package_all_is_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "find", lambda: None)
    found = lists.write_list(tmp_path)
    assert all("Synthetic" in name or "made up" in name for name in found.files)
    assert all(path.is_relative_to(tmp_path) and path.is_file() for files in found.files.values() for path in files)
    alone, together, family = found.runs
    assert (len(alone.names), len(together.names), len(family.names)) == (1, 3, 4)
    assert [*together.names, *family.names] == list(found.files)
    assert family.diagnostics == {"top_singular_value": {"quantiles": True}}


def test_with_the_package_the_base_is_minilm(tmp_path: Path, minilm: Path) -> None:
    found = lists.write_list(tmp_path)
    (base, *others) = found.files
    assert base == "all-MiniLM-L6-v2"
    assert found.files[base][0].samefile(minilm)  # where it is: 91 MB are not written again
    assert all("made up" in name for name in others)


def test_a_base_alone_has_one_run(tmp_path: Path) -> None:
    files = lists.list_experiment(write_experiment(tmp_path / "out")).files
    assert lists.DemoList.of({"base": files["base"]}).runs == (lists.Wanted(("base",)),)


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
        (tmp_path / lists.MANIFEST).write_text(manifest)
    with pytest.raises(BadUpload, match=said):
        lists.list_experiment(tmp_path)


def test_an_experiment_may_say_which_runs_it_wants(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path / "out")
    path = folder / lists.MANIFEST
    wanted = {"checkpoints": ["base", "full"], "diagnostics": {"norms": {}}}
    path.write_text(json.dumps({**json.loads(path.read_text()), "runs": [wanted]}))
    assert lists.list_experiment(folder).runs == (lists.Wanted(("base", "full"), {"norms": {}}),)
