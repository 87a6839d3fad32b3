"""`eigenscope analyze` start to end, against a script with WeightWatcher: `python -m benchmarks.whole_process`.

On all-MiniLM-L6-v2. Each a fresh process: imports, reading, analysing, printing; nothing is kept from one to the next.
Medians of three.
"""

import subprocess
import sys
from pathlib import Path

from benchmarks.examples import minilm
from benchmarks.timing import busy, busy_row, markdown

SCRIPT = """
import sys, weightwatcher as ww
from benchmarks.weightwatcher import module
from safetensors.torch import load_file
print(ww.WeightWatcher(model=module(load_file(sys.argv[1]))).analyze().to_string())
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1])


def main() -> None:
    file, python = str(minilm()), sys.executable
    eigenscope = str(Path(python).with_name("eigenscope"))
    times = busy(lambda: run(eigenscope, "analyze", "--no-cache", file), lambda: run(python, "-c", SCRIPT, file), 3)
    started = busy(lambda: run(eigenscope, "--help"), lambda: run(python, "-c", "import weightwatcher"), 3)
    rows = [busy_row("MiniLM, whole process", *times), busy_row("of which starting", *started)]
    print(markdown(("process: wall (CPU)", "eigenscope analyze", "WeightWatcher 0.7.7", "wall", "CPU"), rows))


if __name__ == "__main__":
    main()
