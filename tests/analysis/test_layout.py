"""Layouts: every one has its name, and the sets name only layouts."""

import subprocess
import sys

from analysis.layout import KERNELS, STACKS, Layout


def test_stacks_and_kernels_are_apart() -> None:
    assert {layout for layout in Layout if layout.startswith("kernel")} == KERNELS
    assert {layout for layout in Layout if layout.startswith("stack")} == STACKS


def test_they_need_no_torch() -> None:
    code = "import sys, analysis.layout; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
