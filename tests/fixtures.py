"""The service in one process, for every test of its parts: what the conftests of app and workers offer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service, model, prepare, settings


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """An empty service."""
    made = Service(settings(tmp_path / "data"))
    yield made
    made.close()


@pytest.fixture
def analysed(service: Service) -> Service:
    """A service with checkpoint 1, a little transformer, and its finished run 1."""
    prepare(service, analyse)
    return service


def analyse(service: Service) -> None:
    service.upload(model())
    service.run(1)
    service.work()
