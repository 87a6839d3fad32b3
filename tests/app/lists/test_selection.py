import pytest

from app.errors import BadCursor
from app.lists.selection import Place, parse_place, words_of


def test_a_place_is_read_back() -> None:
    for place in (Place("a", 3), Place(None, 1), Place(2.5, 9)):
        assert parse_place(place.to_text()) == place
    assert parse_place(None) is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '["a", "b"]', "[[1], 2]", "3"])
def test_a_made_up_place_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        parse_place(text)


def test_words_are_case_folded_and_few() -> None:
    assert words_of(" MiniLM  Width=384 ") == ["minilm", "width=384"]
    assert len(words_of("a " * 99)) == 20
