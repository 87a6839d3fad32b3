import pytest
from pydantic import ValidationError

from app.lists.parameters import CheckpointFilters, Labels, RunFilters
from app.lists.selection import Part, Selection


def test_filters_are_a_selection() -> None:
    asked = CheckpointFilters.model_validate({"q": "a", "severity": "warn", "kind": "adapter", "show": "trash"})
    assert asked.selection() == Selection(text="a", severity=2, kind="adapter", part=Part.TRASH)
    assert RunFilters.model_validate({"state": "done", "sort": "worst"}).selection() == Selection(
        state="done", sort="worst"
    )


@pytest.mark.parametrize("tag", ["", "a b", "a,b", "#a", "x" * 41, "a\tb"])
def test_a_tag_has_no_spaces(tag: str) -> None:
    with pytest.raises(ValidationError):
        Labels.model_validate({"tags": [tag]})
