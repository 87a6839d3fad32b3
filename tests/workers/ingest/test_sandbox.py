"""What a confined process can no longer do. Each test confines a process of its own."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from workers.ingest.sandbox import MEBIBYTE, Limits

LIMITS = Limits(wall=30.0, cpu=3, memory=512 * MEBIBYTE, mapped=1024 * MEBIBYTE, written=MEBIBYTE)
HOME = Path(__file__).parents[3]


def confined(body: str) -> str:
    """What a Python process prints that confines itself and then runs the body."""
    limits = json.dumps(asdict(LIMITS))
    source = (
        "import json, os, resource, socket\nfrom workers.ingest.sandbox import *\n"
        f"confine(Limits(**json.loads('{limits}')))\n"
    )
    done = subprocess.run([sys.executable, "-c", source + body], cwd=HOME, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("kind", "bound"),
    [
        ("RLIMIT_CPU", (LIMITS.cpu, LIMITS.cpu + 5)),
        ("RLIMIT_DATA", (LIMITS.memory, LIMITS.memory)),
        ("RLIMIT_AS", (LIMITS.memory + LIMITS.mapped,) * 2),
        ("RLIMIT_FSIZE", (LIMITS.written, LIMITS.written)),
        ("RLIMIT_CORE", (0, 0)),
        ("RLIMIT_NPROC", (0, 0)),
    ],
)
def test_the_limits_hold(kind: str, bound: tuple[int, int]) -> None:
    assert confined(f"print(resource.getrlimit(resource.{kind}))") == str(bound)


def test_a_limit_is_never_raised() -> None:
    body = "confine(Limits(1, 10**6, 10**12, 0, 10**12)); print(resource.getrlimit(resource.RLIMIT_FSIZE))"
    assert confined(body) == str((LIMITS.written, LIMITS.written))


def test_there_is_no_network_where_the_system_allows_to_leave_it() -> None:
    body = "print(os.readlink('/proc/self/ns/net'), [name for _, name in socket.if_nameindex()])"
    space, interfaces = confined(body).split(" ", 1)
    if space == str(Path("/proc/self/ns/net").readlink()):
        pytest.skip("this system lets no process leave its network")
    assert interfaces == "['lo']"


def test_it_gains_no_privileges() -> None:
    status = confined("print(open('/proc/self/status').read())")
    assert "NoNewPrivs:\t1" in status


def test_it_still_reads_files(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("there")
    assert confined(f"print(open({str(tmp_path / 'file')!r}).read())") == "there"
