"""Who is let in, and what browsers are told."""

import base64
import hashlib
from pathlib import Path

import pytest

from app.access.security import check_host, check_origin, content_security_policy, plotly_style_hashes, sha256_source
from app.errors import HostNotAllowed, OriginNotAllowed
from app.settings import Settings
from frontend.document.assets import plotly_script

OPEN = Settings(allowed_hosts=("lab.example",))


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000", "lab.example", "LAB.example:443"])
def test_our_own_names_are_answered(host: str) -> None:
    check_host(host, OPEN)


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "lab.example.evil", "127.0.0.1:x",
     "[::1", "lab.example/", "a b", "[evil]", "localhost:99999999", "[:::]", "[1.2]"],
)  # fmt: skip
def test_other_names_are_not(host: str | None) -> None:
    with pytest.raises(HostNotAllowed, match="EIGENSCOPE_ALLOWED_HOSTS"):
        check_host(host, OPEN)


def test_the_name_to_be_added_is_told_and_nothing_that_is_none() -> None:
    with pytest.raises(HostNotAllowed, match=r"“10\.0\.0\.7”"):
        check_host("10.0.0.7:8000", OPEN)
    with pytest.raises(HostNotAllowed) as refused:
        check_host("<b>evil</b>", OPEN)
    assert "evil" not in str(refused.value)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("origin", "site"),
    [("http://evil.example", None), ("null", None), ("http://127.0.0.1:9", None), (None, "cross-site"),
     (None, "same-site"), ("http://127.0.0.1:8000.evil", None), ("", None)],
)  # fmt: skip
def test_changes_that_other_sites_ask_for_are_refused(method: str, origin: str | None, site: str | None) -> None:
    with pytest.raises(OriginNotAllowed):
        check_origin(method, "127.0.0.1:8000", origin, site)


def test_our_pages_and_programs_may_change_things() -> None:
    check_origin("POST", "127.0.0.1:8000", "http://127.0.0.1:8000", "same-origin")
    check_origin("DELETE", "127.0.0.1:8000", None, None)
    check_origin("POST", "127.0.0.1:8000", None, "none")
    check_origin("GET", "127.0.0.1:8000", "http://evil.example", "cross-site")


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    policy = content_security_policy(["'sha256-abc='"])
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    assert "'sha256-abc='" in policy


def test_the_hashes_are_those_of_the_installed_plotly(tmp_path: Path) -> None:
    assert sha256_source("") == "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    assert len(plotly_style_hashes(plotly_script())) == 1
    (tmp_path / "p.js").write_text(r"""e.textContent='.a{content:"\'x"}';f.textContent=g""")
    expected = base64.b64encode(hashlib.sha256(b""".a{content:"'x"}""").digest()).decode()
    assert plotly_style_hashes(tmp_path / "p.js") == (f"'sha256-{expected}'",)
