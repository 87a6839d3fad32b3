"""Every package that runs is pinned, with the digest of each of its files where an image is made of it."""

import re
import subprocess
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
IMAGE = frozenset({"server", "peft", "formats"})
BY_DIGEST = r"[a-z]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}"
PIN = re.compile(r"^([a-z0-9][a-z0-9-]*)==([^\s;\\]+)", re.MULTILINE)


def closure(name: str, extras: frozenset[str], found: dict[str, str]) -> dict[str, str]:
    """What is installed of a package and of all that it requires here, by canonical name."""
    held = distribution(name)
    found[canonicalize_name(name)] = held.version
    for text in held.requires or ():
        wanted = Requirement(text)
        applies = [wanted.marker is None or wanted.marker.evaluate({"extra": extra}) for extra in (extras or {""})]
        if any(applies) and canonicalize_name(wanted.name) not in found:
            closure(wanted.name, frozenset(wanted.extras), found)
    return found


def pins(file: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in PIN.findall((ROOT / file).read_text()):
        found.setdefault(name, set()).add(version)
    return found


@pytest.fixture(scope="module")
def installed() -> dict[str, str]:
    return {name: version for name, version in closure("eigenscope", IMAGE, {}).items() if name != "eigenscope"}


@pytest.mark.parametrize("file", ["constraints.txt", "requirements.txt"])
def test_every_package_that_runs_is_pinned(file: str, installed: dict[str, str]) -> None:
    """At the version that these very tests run with; setuptools, which torch asks for, comes with Python too."""
    assert len(installed) > 60
    held = pins(file)
    missing = {name for name in installed if name not in held}
    others = {
        name: (version, held[name])
        for name, version in installed.items()
        if name in held and name != "setuptools" and version.partition("+")[0] not in held[name]
    }
    assert (missing, others) == (set(), {})


def test_each_pin_of_the_image_has_digests() -> None:
    entries = re.split(r"\n(?=[a-z])", (ROOT / "requirements.txt").read_text())[1:]
    assert len(entries) > 80
    assert not [entry[:40] for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry)]
    constraints = pins("constraints.txt")
    assert {name: found for name, found in pins("requirements.txt").items() if not found <= constraints[name]} == {}


@pytest.mark.parametrize(("name", "least"), [("python-multipart", "0.0.27"), ("jinja2", "3.1.6"), ("torch", "2.10")])
def test_no_version_with_a_known_hole_is_accepted(name: str, least: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    (found,) = (each for each in wanted if canonicalize_name(each.name) == name and each.marker is None)
    floor = next(Version(spec.version) for spec in found.specifier if spec.operator == ">=")
    assert floor >= Version(least)


def fake_python(folder: Path) -> Path:
    """A program that writes down how it is called, and what it is given to install."""
    path = folder / "python"
    path.write_text(f"""#!/bin/sh
echo "$@" >> {folder}/calls
for last; do :; done
for word; do [ -f "$word" ] && cat "$word" > {folder}/given; done
exit 0
""")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("index", ["", "https://index.example/cpu"])
def test_the_image_installs_by_digest(tmp_path: Path, index: str) -> None:
    """All of it; or, with an index of torch alone, all but torch and what its CUDA build needs."""
    subprocess.run([ROOT / ".ci/install", fake_python(tmp_path), index], cwd=ROOT, check=True)
    *first, last = (tmp_path / "calls").read_text().splitlines()
    assert "--require-hashes" in last
    assert "--no-deps" in last
    whole, given = (ROOT / "requirements.txt").read_text(), (tmp_path / "given").read_text()
    if not index:
        assert (first, given) == ([], whole)
        return
    (torch,) = pins("requirements.txt")["torch"]
    assert first == [f"-m pip install --index-url {index} torch=={torch} --no-cache-dir --no-deps"]
    left_out = {name for name, _ in PIN.findall(whole)} - {name for name, _ in PIN.findall(given)}
    assert {"torch", "triton", "nvidia-cublas"} <= left_out
    assert not [name for name in left_out if not re.match(r"torch$|triton$|nvidia-|cuda-", name)]


def test_the_dockerfile_takes_its_image_and_its_packages_so() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${PYTHON_IMAGE}"] * 2
    assert re.search(rf"^ARG PYTHON_IMAGE={BY_DIGEST}$", text, re.MULTILINE)
    assert ".ci/install /opt/eigenscope/bin/python" in text
    installs = re.findall(r"pip install[^&\n]*", text)
    assert all("--no-deps" in line for line in installs)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"!requirements.txt", "!.ci/install"} <= set(ignored)


def test_every_image_is_named_by_its_digest() -> None:
    """And the Dockerfile's is the one that Compose builds with."""
    compose, dockerfile = (ROOT / "docker-compose.yml").read_text(), (ROOT / "Dockerfile").read_text()
    images = dict(re.findall(r"\$\{(\w+_IMAGE):-([^}]+)\}", compose))
    assert set(images) == {"PYTHON_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE"}
    assert [image for image in images.values() if not re.fullmatch(BY_DIGEST, image)] == []
    assert f"ARG PYTHON_IMAGE={images['PYTHON_IMAGE']}\n" in dockerfile
