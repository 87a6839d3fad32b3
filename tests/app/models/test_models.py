"""The tables as one package: every table is known where the package is imported."""

from app import models
from app.models import Base


def test_every_table_is_made_by_a_model() -> None:
    assert len(Base.metadata.tables) == 26


def test_every_table_can_be_imported_from_the_package() -> None:
    classes = {mapper.class_.__name__ for mapper in Base.registry.mappers}
    assert classes <= set(models.__all__)
