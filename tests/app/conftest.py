"""What the tests of the service may ask for."""

import pytest

from tests import comparisons as made
from tests.fixtures import analysed as analysed
from tests.fixtures import service as service
from tests.service import Service, prepare


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
