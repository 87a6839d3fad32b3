import doctest
from pathlib import Path

from frontend import compared
from tests.frontend.pairs import both

TOKENS = (Path(compared.__file__).parent / "static/css/tokens.css").read_text()


def test_the_examples_of_its_docstrings_hold() -> None:
    assert doctest.testmod(compared).failed == 0


def test_no_two_checkpoints_of_a_run_look_alike() -> None:
    looks = [compared.style_of("model", position) for position in range(16)]
    assert len({(look.color, look.dash) for look in looks}) == 16
    assert len({look.color for look in looks}) == 8
    assert looks[0].color == "m-base"


def test_the_page_has_every_colour() -> None:
    for position in range(8):
        assert f"--{compared.style_of('model', position).color}:" in TOKENS


def test_labels_tell_the_tuned_apart_and_leave_the_base_out_of_it() -> None:
    names = ["MiniLM, as pre-trained", "MiniLM, full, high rate", "MiniLM, LoRA r=64 α=128, high rate"]
    looks = [compared.style_of(name, position) for position, name in enumerate(names)]
    assert compared.labels(looks) == ["MiniLM,…trained", "full", "LoRA r=64 α=128"]
    assert compared.labels(looks[1:], 8) == ["full", "LoR…=128"]


def test_names_keep_a_word_each() -> None:
    assert compared.brief(["a long name of a model", "a long name of a model again"]) == ["model", "model again"]
    short = compared.brief(["a long name of a model -", "a long name of a model :"])
    assert [name[-1] for name in short] == ["-", ":"]  # nothing would be left of them: they stay whole, and are clipped
    assert compared.brief([]) == []


def test_a_group_is_called_by_its_tuned_checkpoints() -> None:
    table = both()
    assert compared.groups_in(table) == [(0, 1), (0, 2)]
    assert compared.name_group(table, (0, 2)) == "full"
    assert compared.name_group(table, (0, 1, 2)) == "LoRA r = 1 and full"
    assert compared.name_group(table, (0,)) == "base"
    assert compared.of_group(table, (0, 1)) == compared.style_of("LoRA r = 1", 1)
