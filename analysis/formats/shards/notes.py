"""What is odd about the files of a checkpoint that is read all the same: facts, of which a report makes findings."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from analysis.errors import escape
from analysis.facts import EXTRA_TENSORS, LINKS, MISSING_INDEX, REPEATED_TENSORS
from analysis.formats.companions import INDEX
from analysis.formats.hostile_json import printable
from analysis.formats.shards.numbering import check_numbers
from analysis.formats.stored import Contents

LISTED = 3  # names in a note
INDEXED = (".safetensors", ".bin")  # endings of shards that loaders find by an index


def note_missing_index(paths: Iterable[Path]) -> dict[str, str]:
    """Of shards that count themselves and came without the index. Raises MissingShard where one is missing."""
    files = list(paths)
    if not check_numbers(files) or not files[0].name.endswith(INDEXED):
        return {}
    return {MISSING_INDEX: f"the {len(files)} shards came without their index (…{INDEX})"}


def note_extra(names: Sequence[str]) -> dict[str, str]:
    """Of tensors that the shards hold and the index does not name."""
    return {EXTRA_TENSORS: f"the index does not name {_list(names)}, which the shards hold"} if names else {}


def note_repeated(names: Sequence[str]) -> dict[str, str]:
    """Of tensors that several shards hold, with the same values."""
    return {REPEATED_TENSORS: f"several shards hold {_list(names)}, with the same values"} if names else {}


def note_links(contents: Mapping[Path, Contents]) -> dict[str, str]:
    """Of members of a zip that are marked as links."""
    names = [name for held in contents.values() for name in held.links]
    return {LINKS: f"the zip marks {_list(names, 'member')} as a link"} if names else {}


def _list(names: Sequence[str], noun: str = "tensor") -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    listed = printable(", ".join(escape(name)[:100] for name in names[:LISTED]))
    return f"{len(names)} {noun}{'s' * (len(names) > 1)} ({listed}{more})"
