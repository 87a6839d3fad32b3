"""Keras's files: `.keras` (a zip around one `.weights.h5`), `.weights.h5`, the older `.h5`, and other HDF5 files.

Kernels lie as Keras has them, (in, out) or (*positions, in, out): `analysis.tensors.layouts` knows them by "kernel".
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from analysis.errors import CheckpointError, DamagedFile, UnknownFormat, escape
from analysis.formats.hdf5.datasets import LONGEST_TEXT, MAGIC, Tree, read_tree
from analysis.formats.hdf5.einsum import as_matrix
from analysis.formats.hdf5.keras_names import Variable, layers_of, variables
from analysis.formats.hostile_json import check_name, parse, text_facts
from analysis.formats.pytorch.archive import BROKEN_ZIP, KERAS, Spans, first_member, spans_of
from analysis.formats.safetensors import METADATA
from analysis.formats.stored import Array, Aside, Contents, Fact, Format

WEIGHTS = "model.weights.h5"
CONFIG = "config.json"


def _hdf5(path: Path) -> Contents:
    tree = read_tree(path)
    attributes = tree.attributes.get((), {})
    return _contents(tree, _config(attributes.get("model_config", "").encode()), _facts(attributes))


def _facts(said: Mapping[str, str]) -> dict[str, Fact]:
    return {key: value for key, value in said.items() if key in ("keras_version", "backend") and len(value) < 64}


def _config(text: bytes) -> dict[str, Any]:
    """The config of the model; nothing where it makes no sense: the weights can be read without."""
    try:
        return parse(text, CONFIG)
    except CheckpointError:
        return {}


def _contents(tree: Tree, config: Mapping[str, Any], facts: Mapping[str, Fact]) -> Contents:
    labels = variables(tree, layers_of(config))
    shapes = {label.name: data.array.shape for label, data in zip(labels, tree.datasets, strict=True)}
    tensors: dict[str, Array] = {}
    exclusions: dict[str, Aside] = {}
    for variable, data in zip(labels, tree.datasets, strict=True):
        _check(variable.name)
        shaped = data.array if isinstance(data.array, Aside) else _shaped(variable, data.array, shapes)
        if isinstance(shaped, Aside):
            exclusions[variable.name] = shaped
        else:
            tensors[variable.name] = shaped
    model = config.get("config")
    name = model.get("name") if isinstance(model, dict) else None
    model_facts = {"class": config.get("class_name"), "model_name": name}
    return Contents(tensors, {**text_facts(model_facts), **facts}, exclusions)


def _check(name: str) -> None:
    check_name(name)
    if name == METADATA:
        raise DamagedFile(f"the name {METADATA} is reserved by safetensors. Give that variable another.", "bad-name")


def _shaped(variable: Variable, array: Array, shapes: Mapping[str, tuple[int, ...]]) -> Array | Aside:
    """A kernel of EinsumDense as the matrix that it is; those of attention layers come under names of their own."""
    stem, _, leaf = variable.name.rpartition("/")
    if variable.layer.kind != "einsum_dense" or leaf != "kernel":
        return array
    return as_matrix(array, shapes.get(f"{stem}/bias", ()), variable.layer.equation)


def _recognises_archive(head: bytes) -> bool:
    return first_member(head) in KERAS


def _archive(path: Path) -> Contents:
    try:
        with path.open("rb") as file, ZipFile(file) as archive:
            spans = spans_of(archive, file)
            names = [name for name in spans if name.endswith(".weights.h5")]
            if names != [WEIGHTS]:
                raise _other(names)
            config = _config(_member(archive, spans, CONFIG))
            facts = _config(_member(archive, spans, "metadata.json"))
    except BROKEN_ZIP as error:
        text = f"the zip archive is cut off or damaged ({escape(error)}). Download or copy it again."
        raise DamagedFile(text, "truncated-file") from None
    span = spans[WEIGHTS]
    tree = read_tree(path, span.start, span.nbytes)
    return _contents(tree, config, _facts({key: str(value) for key, value in facts.items()}))


def _other(names: list[str]) -> CheckpointError:
    if names:
        examples = ", ".join(escape(name) for name in names[:3])
        text = f"its weights are in {len(names)} files ({examples}). Unpack it, and give these files together."
        return UnknownFormat(text, "keras-archive")
    return UnknownFormat(f"this is a zip archive with a config, but without the {WEIGHTS} of Keras.", "archive")


def _member(archive: ZipFile, spans: Spans, name: str) -> bytes:
    return archive.read(name) if name in spans and spans[name].nbytes <= LONGEST_TEXT else b""


KERAS_ARCHIVE = Format("keras", "Keras model", _recognises_archive, _archive)
HDF5 = Format("hdf5", "HDF5 of Keras", lambda head: head.startswith(MAGIC), _hdf5)
