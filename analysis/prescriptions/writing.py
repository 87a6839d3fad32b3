"""A prescription as a folder: `prescription.json`, and the foreign files beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from analysis.prescriptions.prescription import RECORD, Prescription


def write(prescription: Prescription, folder: Path) -> tuple[str, ...]:
    """Writes all its files into the folder, and returns their paths in it, the record first."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).write_bytes(to_bytes(prescription.to_json()))
    for name, content in prescription.answer.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for write_large in prescription.answer.folders:
        write_large(folder)
    paths = sorted(str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file())
    return (RECORD, *(path for path in paths if path != RECORD))


def to_bytes(value: object) -> bytes:
    """JSON as all our files have it: indented, without NaN, with a line break at its end."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def to_yaml(value: Mapping[str, Any] | list[Any], comment: str = "") -> bytes:
    """YAML in the order of the keys, every text quoted where it has to be; the comment above it."""
    lines = "".join(f"# {line}\n" for line in comment.splitlines())
    return (lines + yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10**6)).encode()
