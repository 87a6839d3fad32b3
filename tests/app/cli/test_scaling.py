"""`eigenscope scaling`: what it reads from the command line, what it prints, and how it refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from safetensors.torch import save_file

from app.cli.main import main
from tests import comparisons as made
from tests import families


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(main, ["scaling", "--device", "cpu", *arguments])


@pytest.fixture
def told(tmp_path: Path) -> list[str]:
    """A family under constant λ, as the command line takes it."""
    given = zip(families.write(tmp_path, "λ constant"), families.settings("λ constant"), strict=True)
    return [f"{path}:lr={s.learning_rate},wd={s.weight_decay:g},steps={s.step:g}" for path, s in given]


@pytest.mark.parametrize("wrong", ["lr=fast", "lr=0", "foo=1", "lr=1,lr=2"])
def test_facts_that_make_no_sense_are_refused(told: list[str], wrong: str) -> None:
    result = run(told[0].split(":lr=")[0] + f":{wrong}", told[1])
    assert result.exit_code == 2
    assert wrong.split("=")[0].replace("lr", "learning_rate") in result.stderr or "twice" in result.stderr


def test_facts_that_contradict_the_files_are_told(tmp_path: Path) -> None:
    folders = []
    for width, path in zip(families.WIDTHS, families.write(tmp_path, "λ constant"), strict=True):
        folders.append(tmp_path / f"run{width:g}")
        folders[-1].mkdir()
        path.rename(folders[-1] / "model.safetensors")
        args = {"learning_rate": 0.64 / width, "weight_decay": 2.0}
        (folders[-1] / "training_args.json").write_text(json.dumps(args))
    quiet = json.loads(run(*map(str, folders), "--json").stdout)
    assert quiet["scaling"]["overall"]["exponent"]["value"] == pytest.approx(0.75, abs=1e-3)
    said = json.loads(run(f"{folders[0]}:lr=0.08", *map(str, folders[1:]), "--json").stdout)
    (finding,) = (found for found in said["findings"] if "contradicts the files" in found["text"])
    assert "run16: learning rate 0.08 stated, 0.04 in the files" in finding["why"]
    assert said["scaling"]["members"][0]["learning_rate"] == 0.08


def test_it_says_exponents_pairs_and_the_recipe(told: list[str]) -> None:
    result = run(*told, "--target-width", "128")
    assert result.exit_code == 0, result.output
    (query,) = (line.split() for line in result.stdout.splitlines() if line.startswith("query"))
    assert query[1:] == ["0.75", "0.75", "to", "0.75", "0.25", "–", "1.11", "✓", "1.19", "✓", "1.32", "✓"]
    assert "σ₁ / √(η/λ) grows as d^0.75" in result.stdout
    assert '{"params": matrices, "lr": 0.005, "weight_decay": 5.65685},' in result.stdout
    assert "not steady" not in result.stdout


def test_where_the_narrowest_has_no_decay_the_law_is_checked_from_the_next(told: list[str]) -> None:
    result = run(told[0].replace("wd=2", "wd=0"), *told[1:3])
    assert "d = 24 → 32" in result.stdout
    (query,) = (line.split() for line in result.stdout.splitlines() if line.startswith("query"))
    assert query[-3:] == ["1.19", "1.07", "✓"]


def test_json_is_the_report_with_the_fits_and_the_recipe(told: list[str]) -> None:
    said = json.loads(run(*told, "--json").stdout)
    assert said["checkpoints"] == ["d16", "d24", "d32", "d48"]
    assert said["summary"]["top_singular_value"]["exponent"] == pytest.approx(0.75, abs=1e-4)
    assert said["scaling"]["overall"]["drift"]["value"] == pytest.approx(0.25, abs=1e-4)
    assert said["scaling"]["members"][3]["steps_eta_lambda"] == pytest.approx(10_000 * 0.64 / 48 * 2.0, rel=1e-3)
    assert said["recipe"]["width"] == 96
    assert said["recipe"]["from_width"] == 16
    assert said["recipe"]["groups"][0]["weight_decay"] == pytest.approx(2.0 * 6**0.5)


def test_an_independent_decay_is_divided_by_the_rate(told: list[str]) -> None:
    said = json.loads(run(*told, "--json", "--independent-decay").stdout)
    assert [member["weight_decay"] for member in said["scaling"]["members"]] == pytest.approx(
        [2.0 * d / 0.64 for d in families.WIDTHS], rel=1e-3
    )
    bare = [one.split(":lr=")[0] + ":wd=1" for one in told]
    assert "divides wd= by lr=, which is" in run(*bare, "--independent-decay").stderr


def test_without_facts_it_says_what_it_can(told: list[str]) -> None:
    result = run(*(one.split(":lr=")[0] for one in told))
    assert result.exit_code == 0, result.output
    assert "σ₁ grows as d^0.25" in result.stdout
    assert "Not known: the learning rate of d16" in result.stdout
    assert "A recipe needs the learning rate" in result.stdout
    assert json.loads(run(*(one.split(":lr=")[0] for one in told), "--json").stdout)["recipe"] is None


def test_quantiles_are_computed_where_asked(told: list[str]) -> None:
    rows = json.loads(run(*told, "--json", "--quantiles").stdout)["tables"]["top_singular_value"]
    assert all(row["shape_gap"] is not None for row in rows)


def test_a_path_with_colons(tmp_path: Path) -> None:
    folder = tmp_path / "run 3: lr 0.1"
    folder.mkdir()
    paths = families.write(folder, "λ constant", (16.0, 24.0))
    result = run(f"{paths[0]}:lr=0.1,wd=1", str(paths[1]))
    assert result.exit_code == 0, result.output
    assert "Not known: the learning rate of d24" in result.stdout


def test_what_is_no_family_is_refused(told: list[str], tmp_path: Path) -> None:
    assert run(told[0]).exit_code == 2
    assert run(told[0], f"{tmp_path}/none.safetensors:lr=1").exit_code == 2
    (lora, bert) = made.write(tmp_path, lora=made.adapter(), bert=made.model(made.base()))
    adapter = run(told[0], str(lora))
    assert adapter.exit_code == 3
    assert "adapter-in-family" in adapter.stderr
    other = run(told[0], str(bert))
    assert other.exit_code == 3
    assert "no-family" in other.stderr


def test_a_family_of_other_depths_has_the_blocks_in_common(tmp_path: Path) -> None:
    given = families.settings("λ constant")
    paths = []
    for blocks, setting in zip((2, 3, 2, 4), given, strict=True):
        paths.append(tmp_path / f"{setting.width:g}.safetensors")
        save_file(families.model(setting, blocks=blocks), paths[-1])
    said = json.loads(run(*map(str, paths), "--json").stdout)
    assert {row["depth"] for row in said["tables"]["top_singular_value"]} == {0, 1, None}
