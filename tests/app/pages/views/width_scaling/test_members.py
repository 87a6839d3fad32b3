"""The models of a family, as its table lists them."""

from collections.abc import Mapping, Sequence

from analysis.width_scaling.family import Scaling, family, scaling
from app.pages.views.width_scaling.members import STATES, list_members
from tests.families import settings, table


def fits(stated: Sequence[Mapping[str, float]] | None = None) -> Scaling:
    members = family(table(settings("λ constant"), stated))
    assert members is not None
    return scaling(members)


def test_settings_state_and_repair() -> None:
    members = list_members(fits(), [7, 8, 9])
    assert [member.id for member in members] == [7, 8, 9, 0]
    assert (members[0].width, members[0].rate, members[0].decay, members[0].steps) == ("16", "0.04", "2", "10,000")
    assert (members[0].steady, members[0].state, members[0].repair) == ("800", STATES[True], "")
    assert members[-1].repair == f"{2.0 * 3.0**0.5:.3g}"


def test_what_is_unknown_is_a_dash() -> None:
    first = list_members(fits([{}] * 4), [])[0]
    assert (first.rate, first.decay, first.steady, first.state, first.repair) == ("–", "–", "–", None, "")
