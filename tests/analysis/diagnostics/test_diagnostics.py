import pytest

from analysis.diagnostics import DIAGNOSTICS, diagnostic, requests
from analysis.errors import OptionError


def test_names_are_unique_and_lead_back() -> None:
    assert [diagnostic(known.name) for known in DIAGNOSTICS] == list(DIAGNOSTICS)
    assert len({known.name for known in DIAGNOSTICS}) == len(DIAGNOSTICS)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        OptionError, match="there is no diagnostic nosuch; there are: esd, norms, entries, random_matrix, "
    ):
        diagnostic("nosuch")


def test_nothing_asked_is_the_default_ones() -> None:
    asked = requests()
    assert [request.diagnostic.name for request in asked] == ["esd", "norms", "entries"]
    assert all(request.options == request.diagnostic.settings({}) for request in asked)


def test_what_is_asked_is_what_comes() -> None:
    (request,) = requests({"esd": {"compat": "weightwatcher"}})
    assert request.diagnostic.name == "esd"
    assert request.options == dict(request.diagnostic.settings({})) | {"compat": "weightwatcher"}
    assert requests({}) == ()


def test_a_wrong_option_is_refused() -> None:
    with pytest.raises(OptionError, match="esd has no option bins"):
        requests({"esd": {"bins": 3}})
