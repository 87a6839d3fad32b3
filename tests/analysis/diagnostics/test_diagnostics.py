import pytest

from analysis.diagnostics import DIAGNOSTICS, diagnostic, requests
from analysis.errors import OptionError


def test_names_are_unique_and_lead_back() -> None:
    assert [diagnostic(known.name) for known in DIAGNOSTICS] == list(DIAGNOSTICS)
    assert len({known.name for known in DIAGNOSTICS}) == len(DIAGNOSTICS)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match="there is no diagnostic nosuch; there are: esd, norms"):
        diagnostic("nosuch")


def test_nothing_asked_is_everything_with_its_defaults() -> None:
    asked = requests()
    assert [request.diagnostic for request in asked] == list(DIAGNOSTICS)
    assert asked[0].options == {"compat": "none", "conv_norm": 1.0}


def test_what_is_asked_is_what_comes() -> None:
    (request,) = requests({"esd": {"compat": "weightwatcher"}})
    assert request.diagnostic.name == "esd"
    assert request.options == {"compat": "weightwatcher", "conv_norm": 1.0}
    assert requests({}) == ()


def test_a_wrong_option_is_refused() -> None:
    with pytest.raises(OptionError, match="esd has no option bins"):
        requests({"esd": {"bins": 3}})
