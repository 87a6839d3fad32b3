"""The service in one process, for every test of its parts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import comparisons as made
from tests.service import Service, model, settings


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """An empty service."""
    made = Service(settings(tmp_path / "data"))
    yield made
    made.close()


@pytest.fixture
def analysed(service: Service) -> Service:
    """A service with checkpoint 1, a little transformer, and its finished run 1."""
    service.upload(model())
    service.run(1)
    service.work()
    return service


@pytest.fixture
def compared(service: Service) -> Service:
    """A service with a base, an adapter and a full fine-tune, and run 1 that compares them."""
    for name, files in (("base", made.model(made.base())), ("lora", made.adapter()), ("full", made.model(made.full()))):
        service.send(name, files)
    service.run(1, 2, 3, diagnostics={"norms": {}, "update": {}})
    service.work()
    return service
