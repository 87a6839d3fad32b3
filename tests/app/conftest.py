"""What the tests of the service may ask for."""

from collections.abc import Generator

import pytest

from tests import comparisons as made
from tests.fixtures import analysed as analysed
from tests.fixtures import service as service
from tests.readers import read_here
from tests.service import Service, prepare
from workers.ingest import supervisor


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A file of the test's own making is read in this process, the rest of its way is the same.

    To start a child for each takes longer than most of these tests. Those of workers and of deployments do, and so do
    those here that have the mark `child_process`, as for files that nobody should open without one.
    """
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("child_process") is None:
            patch.setattr(supervisor, "supervise", read_here)
        return (yield)


@pytest.fixture
def compared(service: Service) -> Service:
    """A service with a base, an adapter and a full fine-tune, and run 1 that compares them."""
    prepare(service, compare)
    return service


def compare(service: Service) -> None:
    for name, files in (("base", made.model(made.base())), ("lora", made.adapter()), ("full", made.model(made.full()))):
        service.send(name, files)
    service.run(1, 2, 3, diagnostics={"norms": {}, "update": {}})
    service.work()
