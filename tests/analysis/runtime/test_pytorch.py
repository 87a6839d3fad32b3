"""PyTorch is imported when it is used, knows its threads then, and is itself where it was there before."""

import subprocess
import sys

import torch

from analysis.runtime import pytorch


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    return done.stdout.strip()


def test_a_process_that_has_it_gets_it_itself() -> None:
    assert pytorch.torch is torch
    assert pytorch.Tensor is torch.Tensor
    assert pytorch.is_loaded()


def test_it_is_imported_when_something_is_asked_of_it() -> None:
    code = """
import sys, threading
from analysis.runtime.pytorch import Tensor, is_loaded, set_threads, threads_in_use, torch
print(is_loaded(), isinstance(3, Tensor), threads_in_use(7))
set_threads(1)
other = []
def work():
    set_threads(3)
    ready.set()
    go.wait()
    other.append((torch.zeros(1).numel(), sys.modules["torch"].get_num_threads()))
ready, go = threading.Event(), threading.Event()
thread = threading.Thread(target=work)
thread.start()
ready.wait()
print(threads_in_use(7), is_loaded())
print(isinstance(torch.zeros(2), Tensor), isinstance(3, Tensor), sys.modules["torch"].get_num_threads())
go.set()
thread.join()
print(other)
"""
    assert run(code).splitlines() == ["False False 7", "1 False", "True False 1", "[(1, 3)]"]


def test_where_nobody_said_it_uses_the_cores_there_are() -> None:
    """Not those of the machine: a container may have fewer."""
    code = """
import analysis.runtime.pytorch as module
module.cores = lambda: 1
print(module.load().get_num_threads())
"""
    assert run(code) == "1"


def test_threads_are_told_at_once_where_it_is_there() -> None:
    before = torch.get_num_threads()
    try:
        pytorch.set_threads(1)
        assert torch.get_num_threads() == 1
        assert pytorch.threads_in_use(9) == 1
    finally:
        pytorch.set_threads(before)
