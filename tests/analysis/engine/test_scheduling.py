"""Small tensors at once and large ones alone, in order, within a bound of memory."""

import threading
from collections.abc import Iterator

import pytest
import torch

from analysis.engine import scheduling as concurrency
from analysis.engine.memory import bytes_of_one
from analysis.engine.scheduling import HELD, Lane, _Room, bound, lanes, run_each
from analysis.tensors.matrices import Header, describe
from analysis.weight import TensorInfo


def tensors(*shapes: tuple[int, ...]) -> tuple[TensorInfo, ...]:
    return describe({f"t{i}.weight": Header(s, "float32", 4 * torch.Size(s).numel()) for i, s in enumerate(shapes)})


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(concurrency, "available", lambda: 1 << 34)
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

    done = {tensor.name: threading.Event() for tensor in asked}

    def work(tensor: TensorInfo) -> str:
        """Of two that run at once the later one ends first: each matrix waits for the vector behind it."""
        behind = asked[asked.index(tensor) + 1 :][:1]
        if tensor.shape == SMALL and behind and behind[0].shape == GAIN:
            assert done[behind[0].name].wait(60)
        done[tensor.name].set()
        return tensor.name

    assert list(run_each(asked, work)) == [(tensor, tensor.name) for tensor in asked]


def test_small_ones_share_the_threads_and_large_ones_have_them_all() -> None:
    asked = tensors(EMBEDDING, SMALL, SMALL, LARGE, SMALL, SMALL)
    meet = threading.Barrier(2, timeout=20)

    def work(tensor: TensorInfo) -> int:
        if tensor.shape == SMALL:
            meet.wait()  # only two at once get past
        return torch.get_num_threads()

    assert [found for _, found in run_each(asked, work)] == [1, 1, 1, 2, 1, 1]
    assert torch.get_num_threads() == 2


def test_what_is_in_memory_at_once_stays_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "HELD", 0)
    asked = tensors((4096, 768), (1024, 1024), (4096, 768), *[(768, 768)] * 8, (30_522, 384))
    lock, held, peak = threading.Lock(), 0, 0
    meet = threading.Barrier(2, timeout=60)

    def work(tensor: TensorInfo) -> None:
        nonlocal held, peak
        need = 2 * tensor.nbytes + 16 * min(tensor.shape) ** 2
        with lock:
            held += need
            peak = max(peak, held)
        if tensor.shape == (768, 768):
            meet.wait()  # only two at once get past
        with lock:
            held -= need

    needs = [2 * t.nbytes + 16 * min(t.shape) ** 2 for t in asked]
    allowed = max(needs)
    list(run_each(asked, work, need=lambda t: 2 * t.nbytes + 16 * min(t.shape) ** 2, memory=allowed))
    assert max(*needs, 2 * needs[3]) <= peak <= allowed


def test_partners_in_other_checkpoints_decide_what_is_small() -> None:
    """Of a family the base may be the narrowest: what is small there is not where the others are wide."""
    asked = tensors(SMALL, EMBEDDING, SMALL, SMALL)
    wide = tensors(LARGE, EMBEDDING, *[SMALL] * 2)
    sizes = {own.name: one for own, one in zip(asked, wide, strict=True)}
    found = run_each(asked, lambda _: torch.get_num_threads(), largest=lambda tensor: sizes[tensor.name])
    assert [(tensor, threads) for tensor, threads in found] == list(zip(asked, [2, 1, 1, 1], strict=True))


def test_where_two_do_not_fit_each_has_all_threads() -> None:
    asked = tensors(*[SMALL] * 3)
    need = bytes_of_one(asked[0]) + HELD

    def threads(memory: int) -> list[int]:
        return [found for _, found in run_each(asked, lambda _: torch.get_num_threads(), memory=memory)]

    assert threads(2 * need) == [1, 1, 1]
    assert threads(2 * need - 1) == [2, 2, 2]
    assert threads(1) == [2, 2, 2]


def test_the_memory_is_half_of_what_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tensors(*[SMALL] * 2)
    need = bytes_of_one(asked[0]) + HELD
    for available, expected in ((4 * need, [1, 1]), (4 * need - 2, [2, 2])):
        monkeypatch.setattr(concurrency, "available", lambda some=available: some)
        assert [found for _, found in run_each(asked, lambda _: torch.get_num_threads())] == expected


ROOM = 1 << 34


@pytest.mark.parametrize(
    ("cores", "shapes", "expected"),
    [
        (2, [(2048, 2048)] * 4, [Lane(2, 1)] * 4),  # four of a comparison: two at once, on one thread each
        (16, [(2048, 2048)] * 4, [Lane(16, 1)] * 4),  # as small as one thread is fast for
        (64, [(512, 512)] * 3, [Lane(64, 1)] * 3),
        (2, [(4096, 4096)] * 4, [Lane(2, 1)] * 4),  # enough large ones: a core each
        (16, [(4096, 4096)] * 4, [Lane(4, 4)] * 4),  # few: they share the cores
        (64, [(4096, 4096)] * 3, [Lane(3, 21)] * 3),
        (16, [(4096, 4096)], [Lane(1, 16)]),
        (1, [(4096, 4096), (64, 64)], [Lane(1, 1)] * 2),
        (4, [(64, 64), (4096, 4096), (4096, 4096), (64, 64)], [Lane(4, 1), Lane(2, 2), Lane(2, 2), Lane(4, 1)]),
        (2, [(64, 64), (4096, 4096), (64, 64), (4096, 4096)], [Lane(2, 1)] * 4),  # a mix fills the machine
    ],
)
def test_the_lanes_fill_the_cores(cores: int, shapes: list[tuple[int, int]], expected: list[Lane]) -> None:
    asked = tensors(*shapes)
    assert lanes(asked, [bytes_of_one(tensor) for tensor in asked], cores, ROOM) == expected


def test_memory_limits_how_many_large_ones_run() -> None:
    """Of four that need a gigabyte each three fit: they share sixteen cores. What fits not at all has them all."""
    asked, giga = tensors(*[(4096, 4096)] * 4), 1 << 30
    assert lanes(asked, [giga] * 4, 16, 3 * giga + 1) == [Lane(3, 5)] * 4
    assert lanes(asked, [giga, 9 * giga, giga, giga], 16, 3 * giga + 1)[1] == Lane(1, 16)


def test_one_that_takes_most_of_the_room_is_alone() -> None:
    """Two of the first kind fit, none beside the second."""
    asked = tensors(SMALL, SMALL, (40_000, 512), SMALL, SMALL)
    needs = [bytes_of_one(tensor) + HELD for tensor in asked]
    room = needs[2] + needs[0] // 2
    lock, inside, meet = threading.Lock(), set[str](), threading.Barrier(2, timeout=60)

    def work(tensor: TensorInfo) -> set[str]:
        with lock:
            inside.add(tensor.name)
        if tensor in asked[:2]:
            meet.wait()  # both before either ends
        with lock:
            found = set(inside)
            inside.remove(tensor.name)
        return found

    assert 2 * needs[0] < room < needs[2] + needs[0]
    found = dict(run_each(asked, work, memory=room))
    assert found[asked[2]] == {asked[2].name}
    assert asked[1].name in found[asked[0]] | found[asked[1]]


def test_one_that_waits_for_room_is_not_passed() -> None:
    """Of ten, six are taken: who needs all ten waits, and who needs one waits behind, though one would fit."""
    room, order = _Room(10), list[str]()

    def take(name: str, need: int) -> None:
        with room.take(need):
            order.append(name)

    large = threading.Thread(target=take, args=("large", 10))
    small = threading.Thread(target=take, args=("small", 1))
    with room.take(6):
        large.start()
        while not room._turn.locked():  # until it stands first in line
            large.join(0.001)
        small.start()
    large.join(60)
    small.join(60)
    assert order == ["large", "small"]


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
