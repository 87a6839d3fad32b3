"""Found once, kept, and never waited for by another object's."""

import threading
from dataclasses import dataclass, replace

import pytest

from analysis.cached import once


@dataclass(frozen=True)
class Square:
    side: int
    meet: threading.Barrier
    asked: list[int]

    @once
    def area(self) -> int:
        """Side times side."""
        self.asked.append(self.side)
        self.meet.wait()
        return self.side * self.side


def alone(side: int) -> Square:
    return Square(side, threading.Barrier(1), [])


def test_it_is_found_once_and_kept_where_a_copy_does_not_have_it() -> None:
    square = alone(3)
    assert (square.area, square.area, square.asked) == (9, 9, [3])
    assert vars(square)["area"] == 9
    assert replace(square, side=4).area == 16
    assert Square.area.__doc__ == "Side times side."


def test_two_objects_find_theirs_at_once() -> None:
    """Each waits in the middle until the other is there too: with one lock for the class neither would go on."""
    meet, found = threading.Barrier(2, timeout=20), []
    threads = [threading.Thread(target=lambda s=side: found.append(Square(s, meet, []).area)) for side in (2, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [4, 25]


def test_what_cannot_be_found_is_asked_for_again() -> None:
    square = Square(3, threading.Barrier(2), [])
    square.meet.abort()
    for _ in range(2):
        with pytest.raises(threading.BrokenBarrierError):
            _ = square.area
    assert square.asked == [3, 3]
