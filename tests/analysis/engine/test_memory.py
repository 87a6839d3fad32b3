"""What a tensor takes, by hand and as measured; what there is, as Linux tells it; and the words of a refusal."""

import resource
from pathlib import Path

import pytest

from analysis.diagnostic import Scope
from analysis.diagnostics import requests
from analysis.engine import memory
from analysis.engine.memory import available, bytes_of_one, bytes_of_several, copies, side, too_large
from analysis.weight import TensorInfo
from tests.analysis.engine.test_scheduling import tensors

HUGE, TALL = (100_000, 100_000), (30_522, 384)


def one(*shape: int) -> TensorInfo:
    (found,) = tensors(shape)
    return found


def test_a_tensor_takes_itself_and_two_gram_matrices() -> None:
    info = one(*TALL)
    assert side(info) == 384
    assert bytes_of_one(info) == 4 * 30_522 * 384 + 2 * 8 * 384**2
    assert bytes_of_one(info, copies=1) == bytes_of_one(info) + 4 * 30_522 * 384
    assert bytes_of_one(one(*HUGE)) == 200_000_000_000


def test_comparing_takes_vectors_too() -> None:
    both = [one(*TALL)] * 2
    assert bytes_of_several(both[:1], [Scope.ONE]) == bytes_of_one(both[0])
    assert bytes_of_several(both, [Scope.ONE]) == 8 * 30_522 * 384 + 16 * 384**2
    vectors = 2 * 8 * (30_522 * 384 + 384**2)
    assert (
        bytes_of_several(both, [Scope.PAIR, Scope.ONE])
        == bytes_of_several(both, [Scope.ONE]) + vectors + 24 * 30_522 * 384
    )


def test_a_refusal_names_the_numbers_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    info = one(*HUGE)
    monkeypatch.setattr(memory, "available", lambda: 12_000_000_000)
    said = too_large(info, bytes_of_one(info), None)
    assert said == (
        "t0.weight: measuring 100,000 × 100,000 takes 200.0 GB of memory, and 12.0 GB are available; take a machine "
        "with more, or set EIGENSCOPE_MEMORY_LIMIT (bytes) if this has more"
    )
    assert "and 1.5 GB are allowed" in str(too_large(info, bytes_of_one(info), 1_500_000_000))


def test_what_fits_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    info = one(*TALL)
    assert too_large(info, bytes_of_one(info), bytes_of_one(info)) is None
    monkeypatch.setattr(memory, "available", lambda: 0)
    assert too_large(info, bytes_of_one(info), None) is None  # so little is there


def test_what_is_available_is_no_more_than_is_built_in() -> None:
    found = available()
    assert 0 < found < 1 << 50
    assert found >= 0.05 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="/proc/meminfo is Linux's")
def test_the_system_gives_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """MemAvailable, read before and after: other processes take and return some in between."""

    def stated() -> int:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024

    monkeypatch.setattr(memory, "_container", lambda: None)
    before, found, after = stated(), available(), stated()
    assert min(before, after) - (1 << 30) <= found <= max(before, after) + (1 << 30)


def test_the_container_may_give_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_container", lambda: 12_345)
    assert available() == 12_345


@pytest.mark.parametrize(("limit", "left"), [("1000000", 700_000), ("100000", 0), ("max", None)])
def test_a_container_leaves_its_limit_less_what_is_used(tmp_path: Path, limit: str, left: int | None) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("400000\n")
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 100000\n")
    assert memory._container(tmp_path) == left
    assert memory._container(tmp_path / "none") is None


def test_copies_are_what_the_diagnostics_make_and_one_where_they_compare() -> None:
    assert copies([]) == 0
    assert copies(requests()) == 0
    assert copies(requests({"esd": {}, "random_matrix": {}})) == 1
    assert copies(requests({"norms": {}, "update": {}})) == 1
