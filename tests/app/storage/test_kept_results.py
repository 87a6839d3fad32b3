"""The file of earlier results: found again, bounded, and never in the way."""

import json
import os
import sqlite3
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from analysis.formats import open_checkpoint
from app.cli.main import main
from app.storage.kept_results import KeptFile, cache_folder, kept_results, source_of
from tests import comparisons as made
from tests.app.cli.conftest import small as small


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own; the other tests of commands go without."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EIGENSCOPE_NO_CACHE", raising=False)
    return tmp_path / "cache" / "eigenscope"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A 1 for each weight that is measured."""
    from analysis.engine import single

    before, ones = single._rows, list[int]()

    def spy(*arguments: object) -> object:
        ones.append(1)
        return before(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(single, "_rows", spy)
    return ones


def analyse(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["analyze", *map(str, arguments), "--json", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_second_time_nothing_is_measured(small: Path, measured: list[int]) -> None:
    first = analyse(small)
    measured.clear()
    assert analyse(small) == first
    assert len(measured) == 1  # the one with NaN
    measured.clear()
    assert analyse(small, "--no-cache") == first
    assert len(measured) == 3


def test_a_file_that_was_written_again_is_another(small: Path, measured: list[int]) -> None:
    first = json.loads(analyse(small, "--diagnostic", "norms"))
    state = {name: 2 * tensor for name, tensor in load_file(small).items()}
    times = small.stat()
    save_file(state, small)
    os.utime(small, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = json.loads(analyse(small, "--diagnostic", "norms"))
    norms = [
        [row["sv_max"] for row in report["tables"]["norms"] if row["sv_max"] is not None] for report in (first, second)
    ]
    assert norms[1] == pytest.approx([2 * norm for norm in norms[0]])
    assert len(norms[1]) == 2


def test_a_comparison_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = made.write(tmp_path, base=made.model(made.base()), lora=made.adapter())
    arguments = ["compare", *map(str, paths), "--json", "--device", "cpu"]
    first = CliRunner().invoke(main, arguments)
    assert first.exit_code == 0, first.output
    monkeypatch.setattr("analysis.engine.pieces.Piece.measure", None)  # would fail
    assert CliRunner().invoke(main, arguments).stdout == first.stdout


def test_a_config_beside_the_file_counts(tmp_path: Path) -> None:
    adapter = made.write(tmp_path, lora=made.adapter())[0]
    checkpoint = open_checkpoint([adapter])
    before = source_of(checkpoint)
    (adapter / "adapter_config.json").write_text((adapter / "adapter_config.json").read_text() + " ")
    assert source_of(checkpoint) != before
    assert source_of(checkpoint, "ema") != source_of(checkpoint)


def test_a_file_that_is_gone_is_no_source(small: Path) -> None:
    checkpoint = open_checkpoint([small])
    small.unlink()
    assert source_of(checkpoint) == ""


def test_what_is_least_used_goes_first(tmp_path: Path) -> None:
    store = KeptFile(tmp_path / "a.db", limit=1000)
    for number in range(10):
        store.put({f"{number}": bytes(100)})
    store.get(["0", "1"])
    store.put({"new": bytes(100)})
    assert set(store.get([*map(str, range(10)), "new"])) == {"0", "1", *map(str, range(5, 10)), "new"}


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be looked at" * 40, b"SQLite format 3\0" + bytes(4096)]
)
def test_a_damaged_file_is_made_anew(folder: Path, small: Path, content: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / "results.db").write_bytes(content)
    analyse(small)
    with sqlite3.connect(folder / "results.db") as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone()[0] > 0


def test_without_a_folder_it_goes_without(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kept_results([(open_checkpoint([small]), None)], "cpu") is None
    analyse(small)


def test_a_relative_place_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert cache_folder() == Path.home() / ".cache" / "eigenscope"


def test_several_may_write_at_once(tmp_path: Path) -> None:
    stores = [KeptFile(tmp_path / "a.db") for _ in range(4)]

    def write(store: KeptFile) -> None:
        for number in range(20):
            store.put({f"{number}": b"the same"})

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].get([str(number) for number in range(20)]) == {str(number): b"the same" for number in range(20)}
