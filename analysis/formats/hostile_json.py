"""JSON out of files that nobody vouches for: bounded, without doubled keys, and text that is really text."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.errors import CheckpointError, DamagedFile, UnknownFormat, escape
from analysis.formats.stored import Fact, Facts

LARGEST_FILE = 100_000_000  # bytes of an index or a config
MOST_FACTS = 64
LONGEST_FACT = 500  # characters


def parse(data: bytes, where: str) -> dict[str, Any]:
    """The object that the bytes hold; DamagedFile, naming `where`, when they do not hold one."""
    try:
        fields = _load(data.decode("utf-8"))
    except DamagedFile as error:
        raise DamagedFile(f"{where}: {error}", error.code) from None
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{where} is not valid JSON ({escape(error)}). The file is damaged.", "bad-header") from None
    if not isinstance(fields, dict):
        raise DamagedFile(f"{where} is not a JSON object. The file is damaged.", "bad-header")
    return fields


def parse_file(path: Path) -> dict[str, Any]:
    """The object in a JSON file of bounded size."""
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise UnknownFormat(f"{escape(path.name)} has {size:,} bytes; at most {LARGEST_FILE:,} are read", "big-index")
    return parse(path.read_bytes(), escape(path.name))


def read_if_small(path: Path, largest: int) -> dict[str, Any]:
    """The object in a file beside the weights; nothing where it is absent, too large or no JSON object.

    The weights can be read all the same.
    """
    try:
        if not path.is_file() or path.stat().st_size > largest:
            return {}
        return parse_file(path)
    except (CheckpointError, OSError):
        return {}


def _load(text: str) -> Any:
    """The JSON of the text. Raises ValueError at NaN and infinity, with the key that has it where there is one."""
    constants: list[str] = []

    def note_constant(name: str) -> object:
        if not constants:
            constants.append(name)
        return constants

    def check_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if constants:
            keys = [f"{escape(key)}: " for key, value in pairs if value is constants]
            raise ValueError(f"{''.join(keys[:1])}{constants[0]} is not a number")
        return _object(pairs)

    result = json.loads(text, object_pairs_hook=check_pairs, parse_constant=note_constant)
    if constants:
        raise ValueError(f"{constants[0]} is not a number")
    return result


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in pairs:
        if key in fields:
            raise DamagedFile(f"{escape(key)} appears twice. The file is damaged or malicious.", "duplicate-tensor")
        check_name(key)
        fields[key] = value
    return fields


def check_name(name: str) -> None:
    """Refuses lone surrogates: such a name can be neither stored nor sent. All other text is a fine name."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DamagedFile(
            f"the name {escape(name)} is not valid Unicode. Rename the tensor and save it again.", "bad-name"
        ) from None


def text_facts(values: Mapping[Any, Any]) -> Facts:
    """The plain values among them, at most MOST_FACTS, long text cut off."""
    facts: dict[str, Fact] = {}
    for key, value in values.items():
        if len(facts) == MOST_FACTS:
            break
        if isinstance(key, str) and len(key) <= LONGEST_FACT and (fact := plain(value)) is not None:
            facts[printable(key)] = fact
    return facts


def plain(value: object) -> Fact:
    """The value, where it is short text, a flag, or a number that JSON and a database can keep; else None."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, bool | int | float) and abs(value) < 2**53:  # False for NaN
        return value
    return None


def printable(text: str) -> str:
    """The text without what can be neither stored nor shown (NUL, lone surrogates), at most LONGEST_FACT long."""
    clean = text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= LONGEST_FACT else clean[: LONGEST_FACT - 1] + "…"
