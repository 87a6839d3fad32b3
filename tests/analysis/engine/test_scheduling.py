"""Small tensors at once and large ones alone, in order, within a bound of memory."""

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from analysis.engine import scheduling as concurrency
from analysis.engine.memory import bytes_of_one
from analysis.engine.scheduling import HELD, bound, run_each
from analysis.tensors.matrices import Header, describe
from analysis.weight import TensorInfo


def tensors(*shapes: tuple[int, ...]) -> tuple[TensorInfo, ...]:
    return describe({f"t{i}.weight": Header(s, "float32", 4 * torch.Size(s).numel()) for i, s in enumerate(shapes)})


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


EMBEDDING, SMALL, LARGE, GAIN = (50_000, 1024), (512, 512), (2049, 2049), (512,)


def test_the_bound_is_two_tensors_and_four_gram_matrices() -> None:
    assert bound(tensors((40, 10), (20, 20), (7,))) == 2 * 4 * 400 + 4 * 8 * 20 * 20
    assert bound(tensors((7,))) == 0


def test_results_come_in_order_whoever_is_done_first() -> None:
    asked = tensors(EMBEDDING, *[SMALL, GAIN] * 6, LARGE, SMALL)

    def work(tensor: TensorInfo) -> str:
        time.sleep(0.003 * (len(asked) - asked.index(tensor)) % 0.01)
        return tensor.name

    assert list(run_each(asked, work)) == [(tensor, tensor.name) for tensor in asked]


def test_small_ones_share_the_threads_and_large_ones_have_them_all() -> None:
    asked = tensors(EMBEDDING, SMALL, SMALL, LARGE, SMALL, SMALL)
    meet = threading.Barrier(2, timeout=20)

    def work(tensor: TensorInfo) -> int:
        if tensor.shape == SMALL:
            meet.wait()  # only two at once get past
        return torch.get_num_threads()

    assert [found for _, found in run_each(asked, work)] == [2, 1, 1, 2, 1, 1]
    assert torch.get_num_threads() == 2


def test_what_is_in_memory_at_once_stays_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "MOST_THREADS", 2)
    monkeypatch.setattr(concurrency, "LITTLE", 0)
    asked = tensors((4096, 768), (1024, 1024), (4096, 768), *[(768, 768)] * 8, (30_522, 384))
    lock, held, peak = threading.Lock(), 0, 0

    def work(tensor: TensorInfo) -> None:
        nonlocal held, peak
        need = 2 * tensor.nbytes + 16 * min(tensor.shape) ** 2
        with lock:
            held += need
            peak = max(peak, held)
        time.sleep(0.005)
        with lock:
            held -= need

    list(run_each(asked, work))
    assert max(2 * t.nbytes + 16 * min(t.shape) ** 2 for t in asked) <= peak <= bound(asked)


def test_partners_in_other_checkpoints_decide_what_is_small() -> None:
    """Of a family the base may be the narrowest: what is small there is not where the others are wide."""
    asked = tensors(SMALL, EMBEDDING, SMALL, SMALL)
    wide = tensors(LARGE, EMBEDDING, *[SMALL] * 2)
    sizes = {own.name: one for own, one in zip(asked, wide, strict=True)}
    found = run_each(asked, lambda _: torch.get_num_threads(), largest=lambda tensor: sizes[tensor.name])
    assert [(tensor, threads) for tensor, threads in found] == list(zip(asked, [2, 2, 1, 1], strict=True))


def test_where_two_do_not_fit_each_has_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a checkpoint of equal matrices the bound leaves room for one and what libraries hold; but there is LITTLE."""

    def threads() -> list[int]:
        return [found for _, found in run_each(tensors(*[SMALL] * 3), lambda _: torch.get_num_threads())]

    assert threads() == [1, 1, 1]
    monkeypatch.setattr(concurrency, "LITTLE", 0)
    assert threads() == [2, 2, 2]


def test_one_that_takes_most_of_the_room_waits_for_it_and_is_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the first kind fit, none beside the second: whatever comes behind it waits with it."""
    asked = tensors(SMALL, SMALL, (40_000, 512), SMALL, SMALL)
    needs = [bytes_of_one(tensor) + HELD for tensor in asked]
    room = needs[2] + needs[0] // 2
    monkeypatch.setattr(concurrency, "LITTLE", room)
    lock, inside, seen = threading.Lock(), 0, []

    def work(tensor: TensorInfo) -> None:
        nonlocal inside
        with lock:
            inside += 1
            seen.append((tensor.name, inside))
        time.sleep(0.02)
        with lock:
            inside -= 1

    assert 2 * needs[0] < room < needs[2] + needs[0]
    list(run_each(asked, work, copies=0))
    assert [name for name, _ in seen][2] == asked[2].name
    assert seen[2] == (asked[2].name, 1)
    assert seen[3][1] == 1


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_one_at_a_time_on_a_gpu_and_with_one_thread(device: str) -> None:
    if device == "cpu":
        torch.set_num_threads(1)
    used = {
        found for _, found in run_each(tensors(EMBEDDING, SMALL, SMALL), lambda _: threading.current_thread(), device)
    }
    assert used == {threading.main_thread()}


def test_an_error_reaches_the_caller_and_the_threads_are_as_they_were() -> None:
    def work(tensor: TensorInfo) -> None:
        raise KeyError(tensor.name)

    with pytest.raises(KeyError, match="t1"):
        list(run_each(tensors(SMALL, SMALL, EMBEDDING)[1:], work))
    assert torch.get_num_threads() == 2
