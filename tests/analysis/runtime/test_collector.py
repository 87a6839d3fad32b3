"""The collector rests within, also where an import fails, and is as before afterwards."""

import gc

import pytest

from analysis.runtime.collector import at_rest


def test_nothing_is_collected_within() -> None:
    assert gc.isenabled()
    with at_rest():
        assert not gc.isenabled()
        with at_rest():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_import_that_fails_leaves_it_on() -> None:
    with pytest.raises(ImportError), at_rest():
        raise ImportError("no such library")
    assert gc.isenabled()
