"""Which of the given files make up the checkpoint: one file, shards with or without an index, or a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from analysis.errors import CheckpointError, MissingShard, UnknownFormat, escape
from analysis.facts import FILE_NOTES
from analysis.formats.checkpoint import Checkpoint
from analysis.formats.companions import (
    DISTRIBUTED,
    INDEX,
    KINDS,
    WEIGHTS,
    files_in,
    inner_checkpoints,
    kind_of,
    training_state,
)
from analysis.formats.facts import config_facts, find_adapter_config, quantisation
from analysis.formats.hostile_json import printable
from analysis.formats.parallel.joining import join_contents
from analysis.formats.parallel.zero import read_zero
from analysis.formats.parallel.zero_files import find_zero
from analysis.formats.parts import select_of_file
from analysis.formats.pytorch.distributed import is_distributed, read_distributed
from analysis.formats.rejected import TENSORFLOW, rejection
from analysis.formats.shards.index import is_file, map_shards, shard_of, weight_map_of
from analysis.formats.shards.notes import note_links, note_missing_index
from analysis.formats.stored import HEAD, Array, Contents, Format

MOST_FILES = 10_000
ORBAX = (
    "Only the libraries of JAX read its arrays. Run where they are, with path its folder: pathlib.Path("
    "'flax_model.msgpack').write_bytes(flax.serialization.to_bytes(orbax.checkpoint.StandardCheckpointer().restore("
    "path))), and give what that writes."
)
ORBAX_FILES = ("_CHECKPOINT_METADATA", "_METADATA", "manifest.ocdbt", "orbax.checkpoint")
OTHER_ARCHIVES = ("archive", "keras-archive")
NOT_PART = "no part of the checkpoint"

Chosen = Mapping[Path, Format]


def gather(paths: Sequence[Path], formats: Sequence[Format], part: str | None = None) -> Checkpoint:
    """The checkpoint in these files, or in one folder; of its parts the weights, or the one that is asked for."""
    files = _list_files(paths)
    indexes = [path for path in files if path.name.endswith(INDEX)]
    has_safetensors = any(kind_of(path.name) == KINDS[0] for path in files)
    metadata = None if has_safetensors else next((path for path in files if is_distributed(path)), None)
    notes: dict[str, str] = {}
    if metadata is not None:
        forms = {path: _torch_zip(formats) for path in files if path.suffix == ".distcp"} or {metadata: formats[0]}
        whole = read_distributed(metadata, files)
    elif not indexes and not has_safetensors and (zero := find_zero(files)) is not None:
        forms = dict.fromkeys(zero.paths, _torch_zip(formats))
        whole = read_zero(zero)
    elif not indexes:
        forms = _recognise(files, formats)
        contents = _readable(forms)
        forms = {path: form for path, form in forms.items() if path in contents}
        notes = note_missing_index(forms) | note_links(contents)
        whole = join_contents(contents)
    else:
        index = min(indexes, key=lambda path: (".safetensors" not in path.name, path.name))
        weight_map = weight_map_of(index)
        shards = {name: shard_of(index, name, files, paths) for name in sorted(set(weight_map.values()))}
        forms = {path: _format(path, formats) for path in shards.values()}
        contents = {path: _contents(path, form) for path, form in forms.items()}
        mapped, notes = map_shards({tensor: shards[name] for tensor, name in weight_map.items()}, contents)
        notes |= note_links(contents)
        whole = join_contents({path: replace(held, tensors=mapped[path]) for path, held in contents.items()})
    stated = {key: value for key, value in whole.facts.items() if key not in FILE_NOTES}
    return _checkpoint(files, forms, replace(whole, facts={**stated, **notes}), part)


def _readable(chosen: Chosen) -> dict[Path, Contents]:
    """The contents of the files; without those of other kinds of archives that lie next to a checkpoint."""
    contents: dict[Path, Contents] = {}
    errors: list[CheckpointError] = []
    for path, form in chosen.items():
        try:
            contents[path] = _contents(path, form)
        except CheckpointError as error:
            if error.code not in OTHER_ARCHIVES:
                raise
            errors.append(error)
    if not contents:
        raise errors[0]
    plain = {path: item for path, item in contents.items() if not item.program}
    return plain or contents


def _torch_zip(formats: Sequence[Format]) -> Format:
    return next(form for form in formats if form.name == "torch-zip")


def _checkpoint(files: Sequence[Path], chosen: Chosen, whole: Contents, part: str | None) -> Checkpoint:
    first = next(iter(chosen))
    weights, non_weights = select_of_file(first, whole.tensors, whole.aside, part)
    facts = dict(whole.facts)
    if skip_reasons := _reasons_left_out(files, chosen, whole.tensors):
        facts["ignored_files"] = ignored_files(skip_reasons)
    adapter = find_adapter_config(first.parent, weights, whole.adapter)
    beside = config_facts(first.parent)
    if "learning_rate" in beside:
        facts.pop("learning_rate_from", None)
    facts |= beside
    if adapter is not None and adapter.make != "PEFT":
        facts |= {"method": adapter.method, "adapter_make": adapter.make}
    return Checkpoint(chosen[first].name, weights, facts, non_weights, adapter, quantisation(first.parent))


def _reasons_left_out(files: Sequence[Path], chosen: Chosen, tensors: Mapping[str, Array]) -> dict[str, str]:
    """The files that look like weights and are not read, each with the reason."""
    rest = [path.name for path in files if path not in chosen]
    looks = [name for name in rest if training_state(name) or kind_of(name) or name.lower().endswith(".zip")]
    kinds = {kind_of(path.name) for path in chosen}
    (kind,) = kinds if len(kinds) == 1 else (None,)
    read = {array.path.name for array in tensors.values()}
    return {
        name: training_state(name) or (NOT_PART if kind in (None, kind_of(name)) else kind.instead)
        for name in looks
        if name not in read and not (name == DISTRIBUTED and kind == kind_of(DISTRIBUTED))
    }


def ignored_files(left_out: Mapping[str, str]) -> str:
    """The fact that says which files were left out and why."""
    return printable(", ".join(f"{name} ({reason})" for name, reason in left_out.items()))


def _list_files(paths: Sequence[Path]) -> list[Path]:
    """The files meant, folders opened up (not those inside them), each once, in the order given."""
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir() and (inner := inner_checkpoints(path)):
            name, folders = escape(path.name), ", ".join(map(escape, inner[:5])) + (", …" if len(inner) > 5 else "")
            text = f"{name} holds no weights itself, but folders of them do ({folders}). Give one of these folders."
            raise UnknownFormat(text, "no-tensors")
        members = files_in(path) if path.is_dir() else [path]
        for missing in (inner for inner in members if not is_file(inner)):
            raise MissingShard(f"there is no file {escape(missing)}", "missing-file")
        files.update(dict.fromkeys(map(_absolute, members)))
    if not files:
        place = ", ".join(escape(path.name) for path in paths[:5])
        raise UnknownFormat(f"there is no file in {place or 'an empty list'}", "no-tensors")
    if len(files) > MOST_FILES:
        raise UnknownFormat(f"{len(files):,} files; at most {MOST_FILES:,} make up a checkpoint", "big-index")
    return list(files)


def _absolute(path: Path) -> Path:
    """The same file under one name, whichever way it was given. A link stays the file it is called."""
    return path.parent.resolve() / path.name


def _format(path: Path, formats: Sequence[Format]) -> Format:
    """The format that knows the file's first bytes; else CheckpointError saying what it is instead."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    for form in formats:
        if form.recognises(head):
            return form
    raise rejection(path, head)


def _contents(path: Path, form: Format) -> Contents:
    """What the file holds; an error names the file."""
    try:
        return form.contents(path)
    except CheckpointError as error:
        raise type(error)(f"{escape(path.name)}: {error}", error.code) from None


def _recognise(files: Sequence[Path], formats: Sequence[Format]) -> dict[Path, Format]:
    """The files among these that hold weights, all of the first format of `formats` found, or of torch's two."""
    if len(files) == 1 and files[0].name not in ORBAX_FILES:
        return {files[0]: _format(files[0], formats)}
    forms: dict[Path, Format] = {}
    errors: dict[Path, CheckpointError] = {}
    for path in [path for path in files if training_state(path.name) is None] or files:
        try:
            forms[path] = _format(path, formats)
        except CheckpointError as error:
            errors[path] = error
    selection = _prefer(forms, formats)
    endings = {path.suffix for path in selection} or WEIGHTS
    bad_files = [path for path in errors if path.suffix in endings]  # companions, like a tokenizer, are left aside
    if bad_files:
        raise errors[bad_files[0]]
    if not selection:
        names = ", ".join(escape(path.name) for path in files[:5])
        ellipsis = ", …" if len(files) > 5 else ""
        if any(path.name.endswith(".index") and path.with_suffix(".data-00000-of-00001") in files for path in files):
            raise UnknownFormat(f"{names}{ellipsis}: a TensorFlow checkpoint. {TENSORFLOW}", "tensorflow-file")
        if any(path.name in ORBAX_FILES for path in files):
            raise UnknownFormat(f"{names}{ellipsis}: a checkpoint of Orbax. {ORBAX}", "orbax-checkpoint")
        raise UnknownFormat(f"none of the {len(files)} files ({names}{ellipsis}) is a checkpoint that is read here")
    return selection


def _prefer(known: Chosen, formats: Sequence[Format]) -> dict[Path, Format]:
    """Of a model saved in several formats, the files of the first one of them; torch's two are one."""
    torch = [form for form in formats if form.name.startswith("torch")]
    for form in formats:
        family = torch if form in torch else [form]
        if files := {path: one for path, one in known.items() if one in family}:
            return files
    return {}
