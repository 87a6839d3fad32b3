"""`eigenscope.yml`: a policy as text. YAML is read as data only, and no more of it than a policy can be."""

from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from analysis.errors import PolicyError, escape
from analysis.gate.policy import Policy
from analysis.gate.reading import policy_of

LONGEST = 256 * 1024  # characters
DEEPEST = 20
MOST_NODES = 20_000  # with every alias written out


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, but a key that is there twice is an error: the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        plain = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag[-6:] != ":merge"]
        doubled = next((key for key, times in Counter(plain).items() if times > 1), None)
        if doubled is not None:
            raise PolicyError(f"line {node.start_mark.line + 1}: the key {escape(doubled)} is there twice; keep one")
        return super().construct_mapping(node, deep)


def read(text: str) -> Policy:
    """The policy that a YAML text states; JSON is YAML too. Raises PolicyError."""
    if len(text) > LONGEST:
        raise PolicyError(f"the policy has {len(text):,} characters, and at most {LONGEST:,} are read")
    try:
        _check_size(text)
        found = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise PolicyError(f"the policy is no YAML: {line}{escape(error.problem)}") from None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        raise PolicyError(f"the policy is no YAML: {escape(error)}") from None
    return policy_of(found)


def read_file(path: Path) -> Policy:
    """The same out of a file. Raises PolicyError, and OSError where it cannot be read."""
    return read(text_of(path))


def text_of(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(4 * LONGEST + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyError(f"the policy is no UTF-8 text: byte {error.start} cannot be read") from None


def _check_size(text: str) -> None:
    """Refuses what would grow large: nesting, and aliases of aliases. Looks at events, which expand nothing."""
    sizes: dict[str, int] = {}  # of what each anchor stands for, once it is complete
    open_: list[tuple[str | None, int]] = []  # (anchor, nodes so far) of each collection around
    total = 0
    for event in yaml.parse(text, Loader):
        match event:
            case yaml.AliasEvent():
                if event.anchor not in sizes:
                    raise PolicyError(f"the alias *{escape(event.anchor)} stands for nothing, or for itself")
                total += sizes[event.anchor]
            case yaml.ScalarEvent():
                total += 1
                if event.anchor is not None:
                    sizes[event.anchor] = 1
            case yaml.CollectionStartEvent():
                total += 1
                open_.append((event.anchor, total - 1))
            case yaml.CollectionEndEvent():
                anchor, before = open_.pop()
                if anchor is not None:
                    sizes[anchor] = total - before
        if total > MOST_NODES or len(open_) > DEEPEST:
            raise PolicyError(f"the policy is larger than {MOST_NODES:,} values, or deeper than {DEEPEST} levels")
