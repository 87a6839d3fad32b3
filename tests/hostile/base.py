"""What the hostile files are made with."""

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Build = Callable[[Path], Sequence[Path]]  # writes files into a folder and returns them


@dataclass(frozen=True)
class Hostile:
    """A hostile upload: `build` writes it into a folder and returns its files; `code` is why it is rejected."""

    name: str
    build: Build
    code: str


def marker(folder: Path) -> Path:
    """The file that the code in the pickles would make."""
    return folder / "code-has-run"


def written(content: bytes, name: str = "model.safetensors") -> Build:
    def build(folder: Path) -> Sequence[Path]:
        (folder / name).write_bytes(content)
        return [folder / name]

    return build


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def cut(content: Build, part: float) -> Build:
    def build(folder: Path) -> Sequence[Path]:
        (path,) = content(folder)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
        return [path]

    return build


def both(first: Build, second: Build) -> Build:
    return lambda folder: [*first(folder), *second(folder)]
