"""The tensors of several files as one checkpoint: parts of each tensor put together, whole ones side by side."""

from collections.abc import Mapping
from pathlib import Path

from analysis.errors import DamagedFile, escape
from analysis.formats.parallel.consolidated import join_consolidated, parts_of
from analysis.formats.parallel.megatron import join_megatron, megatron_files
from analysis.formats.parallel.ranks import join_ranks
from analysis.formats.stored import Array, Aside, Contents


def join_contents(contents: Mapping[Path, Contents]) -> Contents:
    """What all files hold together. DamagedFile where two hold one tensor, and are no parts of it."""
    files = dict(contents)
    joined: dict[Path, Contents] = {}
    if parts := parts_of(files):
        joined[next(iter(parts.values()))] = join_consolidated(parts, files)
        files = {path: held for path, held in files.items() if path not in parts.values()}
    if megatron := megatron_files(files):
        joined[megatron[0]] = join_megatron(megatron, files)
        files = {path: held for path, held in files.items() if path not in megatron}
    if ranks := {path: held for path, held in files.items() if held.shares}:
        joined[next(iter(ranks))] = join_ranks(ranks)
        files = {path: held for path, held in files.items() if path not in ranks}
    tensors = _side_by_side({**joined, **files})
    facts = {key: value for held in (*contents.values(), *joined.values()) for key, value in held.facts.items()}
    adapter = next((held.adapter for held in contents.values() if held.adapter), "")
    return Contents(tensors, facts, _list_aside(contents) | _list_aside(joined), adapter=adapter)


def _list_aside(contents: Mapping[Path, Contents]) -> dict[str, Aside]:
    """What each file sets aside; under one name in several files, with the name of the file."""
    found: dict[str, Aside] = {}
    for path, held in contents.items():
        found |= {(f"{name} ({path.name})" if name in found else name): each for name, each in held.aside.items()}
    return found


def _side_by_side(contents: Mapping[Path, Contents]) -> dict[str, Array]:
    """The tensors of all files; no name may stand in two of them."""
    tensors: dict[str, Array] = {}
    for path, held in contents.items():
        for name in held.tensors:
            if name in tensors:
                raise DamagedFile(_tell_both(name, tensors[name].path, path, list(contents)), "duplicate-tensor")
        tensors.update(held.tensors)
    return tensors


def _tell_both(name: str, first: Path, second: Path, paths: list[Path]) -> str:
    """Which two files hold one tensor, by their places where they are called the same, and what to do."""
    if first.name != second.name or first not in paths:
        both = f"{escape(first.name)} and {escape(second.name)}"
        return f"tensor {escape(name)} is in {both}. Give the files of one checkpoint only, or its index too."
    same = sum(path.name == second.name for path in paths)
    return (
        f"{same} of {len(paths)} files are called {escape(second.name)}, and files {paths.index(first) + 1} and "
        f"{paths.index(second) + 1} both hold the tensor {escape(name)}: checkpoints of their own, or one file given "
        "twice. Give one at a time; shards of one checkpoint have names that differ."
    )
