import doctest
from collections import Counter
from pathlib import Path

from analysis.names import ROLES
from frontend import palette

FRONTEND = Path(palette.__file__).parent


def test_the_examples_of_its_docstrings_hold() -> None:
    assert doctest.testmod(palette).failed == 0


def test_every_role_has_a_look_of_its_own() -> None:
    assert set(palette.LOOKS) == set(ROLES)
    shapes = Counter((look.color, look.marker) for look in palette.LOOKS.values())
    assert max(shapes.values()) == 1


def test_an_unknown_role_keeps_its_name() -> None:
    assert palette.look("telepathy") == palette.Look("telepathy", "telepathy", "other", "x")
    assert palette.order("telepathy") > palette.order("other") > palette.order("q")


def test_the_page_has_every_colour_and_marker() -> None:
    tokens = (FRONTEND / "static/css/tokens.css").read_text()
    sprite = (FRONTEND / "templates/parts/sprite.html").read_text()
    for look in palette.LOOKS.values():
        assert f"--role-{look.color}:" in tokens
        assert f'id="m-{look.marker}"' in sprite
