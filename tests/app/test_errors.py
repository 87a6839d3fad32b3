"""Errors: a status, a code and a title for each, and no code twice for different statuses."""

from collections.abc import Iterator

import pytest

from app import errors
from app.errors import ServiceError


def tree(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from tree(below)


@pytest.mark.parametrize("kind", list(tree(ServiceError)))
def test_every_error_is_drawn_in_the_tree_with_its_status(kind: type[ServiceError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.title
    assert kind.code == kind.code.lower()
    assert kind.__name__ in (errors.__doc__ or "")


def test_codes_are_each_their_own() -> None:
    codes = [kind.code for kind in tree(ServiceError)]
    assert len(set(codes)) == len(codes)
