import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from app.demo import widths


def test_each_width_has_weights_and_settings(tmp_path: Path) -> None:
    found = widths.write(tmp_path)
    assert list(found) == [f"Width {width} (made up)" for width in widths.WIDTHS]
    for width, files in zip(widths.WIDTHS, found.values(), strict=True):
        config, state, arguments = (json.loads(path.read_text()) for path in files[1:])
        assert config["hidden_size"] == width
        assert state["global_step"] * arguments["learning_rate"] * arguments["weight_decay"] >= 2  # the steady state
        assert arguments["weight_decay"] == pytest.approx(math.sqrt(width / 64))


def test_the_largest_singular_values_are_as_planted(tmp_path: Path) -> None:
    found = widths.write(tmp_path)
    narrow, wide = (load_file(found[f"Width {width} (made up)"][0]) for width in (64, 192))
    for name in narrow:
        if "layers" in name:
            growth = np.linalg.norm(wide[name], 2) / np.linalg.norm(narrow[name], 2)
            assert growth == pytest.approx(math.sqrt(3) if widths.ODD in name else 1, rel=0.06), name


def test_the_files_are_the_same_each_time(tmp_path: Path) -> None:
    for folder in ("1", "2"):
        (tmp_path / folder).mkdir()
    once, again = widths.write(tmp_path / "1"), widths.write(tmp_path / "2")
    for name, files in once.items():
        assert [path.read_bytes() for path in files] == [path.read_bytes() for path in again[name]]
