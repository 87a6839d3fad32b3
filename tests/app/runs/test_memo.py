"""Results are made once, and the latest of them are kept."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest

from app.runs.memo import Memo


def test_a_result_is_made_once_also_where_it_is_none() -> None:
    memo, made = Memo(2), list[str]()
    for _ in range(2):
        assert memo.make_once("a", lambda: made.append("a")) is None
    assert made == ["a"]


def test_what_was_asked_for_last_is_kept() -> None:
    memo = Memo(2)
    for key in ("a", "b", "a", "c"):
        memo.make_once(key, partial(list[str], key))
    assert memo.make_once("a", lambda: ["again"]) == ["a"]
    assert memo.make_once("b", lambda: ["again"]) == ["again"]


def test_a_failure_is_not_kept() -> None:
    memo = Memo(2)
    with pytest.raises(ZeroDivisionError):
        memo.make_once("a", lambda: 1 // 0)
    assert memo.make_once("a", lambda: 1) == 1


def test_threads_do_not_wait_for_each_other() -> None:
    memo, together = Memo(2), Barrier(2, timeout=60)

    def make() -> str:
        together.wait()
        return "made"

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: memo.make_once("a", make), range(2))) == ["made", "made"]
