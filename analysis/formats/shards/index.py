"""The index of a sharded checkpoint: which shard holds each tensor, and whether the shards agree with it."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from analysis.errors import DamagedFile, MissingShard, UnknownFormat, UnsafeFile, escape
from analysis.formats.hostile_json import parse_file
from analysis.formats.repeated import is_equal
from analysis.formats.shards.notes import note_extra, note_repeated
from analysis.formats.stored import Array, Contents

MOST_FILES = 10_000


def weight_map_of(index: Path) -> dict[str, str]:
    """The index: tensor name to name of the shard that holds it."""
    found = parse_file(index).get("weight_map")
    if not isinstance(found, dict) or not found or not all(isinstance(shard, str) for shard in found.values()):
        raise DamagedFile(
            f"{escape(index.name)} has no weight_map from tensors to files. Download it again.", "bad-header"
        )
    if len(set(found.values())) > MOST_FILES:
        raise UnknownFormat(f"{escape(index.name)} names more than {MOST_FILES:,} files", "big-index")
    return found


def shard_of(index: Path, name: str, files: Sequence[Path], paths: Sequence[Path]) -> Path:
    """The file of a shard: one of those given, or one in the folder given; never one outside the index's folder."""
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or not name.isprintable() or "\\" in name:
        raise UnsafeFile(
            f"{escape(index.name)} names the file {escape(name)}, which is not inside its folder. "
            "Do not trust this checkpoint; where it is your own, correct the index.",
            "shard-outside",
        )
    path = index.parent / name
    if path in files or (any(given.is_dir() for given in paths) and is_file(path)):
        return path
    raise MissingShard(
        f"{escape(index.name)} names the file {escape(name)}, which is not there. "
        "Give all of its shards, or their folder."
    )


def is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have: too long, or with NUL in it
        return False


def map_shards(
    where: Mapping[str, Path], contents: Mapping[Path, Contents]
) -> tuple[dict[Path, dict[str, Array]], dict[str, str]]:
    """The tensors of each shard, and what is odd about them, as facts.

    One that is in several is taken from the shard that the index names, and DamagedFile where the others differ:
    loaders read one shard after the other, and keep the last.
    """
    for name, path in where.items():
        if name not in contents[path].tensors:
            raise DamagedFile(
                f"the index says that tensor {escape(name)} is in {escape(path.name)}, but it is not. "
                "The shards are of another save than the index: download them together.",
                "bad-header",
            )
    homes, repeated = dict(where), dict[str, None]()
    for path, held in contents.items():
        for name, array in held.tensors.items():
            if (home := homes.setdefault(name, path)) != path:
                _check_equal(name, contents[home].tensors[name], array)
                repeated[name] = None
    chosen = {
        path: {name: array for name, array in held.tensors.items() if homes[name] == path}
        for path, held in contents.items()
    }
    return chosen, note_extra([name for name in homes if name not in where]) | note_repeated(list(repeated))


def _check_equal(name: str, one: Array, other: Array) -> None:
    if not is_equal(one, other):
        raise DamagedFile(
            f"tensor {escape(name)} is in {escape(one.path.name)} and in {escape(other.path.name)} with other values: "
            "which of them is loaded depends on the loader. Save the checkpoint again, or download all of it again.",
            "duplicate-tensor",
        )
