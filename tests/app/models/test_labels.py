"""The text that a list searches follows every change of its row."""

from app.models import Checkpoint
from app.models.labels import fact_lines, search_text
from tests.service import Service, model


def test_text_is_lines_between_breaks() -> None:
    assert search_text(["A  B"], ["X"], "") == "\na b\n#x\n"
    assert fact_lines({"step": 20000.0, "flag": True, "none": None}) == ["step=20000", "flag=yes"]


def test_it_is_written_with_the_row(service: Service) -> None:
    service.upload(model(), filename="One.safetensors")
    service.work()
    with service.database.writing() as session:
        row = session.get_one(Checkpoint, 1)
        assert row.search == "\none.safetensors\nmodel\nsafetensors\n"
        row.tags, row.notes, row.stated = ["Best"], "Warm\nstart", {"width": 24.0}
    with service.database.reading() as session:
        lines = session.get_one(Checkpoint, 1).search.split("\n")
    assert lines == ["", "one.safetensors", "model", "safetensors", "width=24", "#best", "warm start", ""]
