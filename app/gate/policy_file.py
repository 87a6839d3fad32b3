"""`eigenscope.yml`: a policy as text. YAML is read as data only, and no more of it than a policy can be."""

from collections import Counter
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from analysis.errors import PolicyError, escape
from analysis.gate.policy import Policy
from analysis.gate.reading import policy_of

LONGEST = 64 * 1024  # characters; two hundred rules with a sentence each have fewer
DEEPEST = 20
MOST_NODES = 10_000


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader without anchors and aliases, which can make a short text large, and with a limit on size.

    A key that appears twice is an error: the first value would be lost in silence.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        if event.anchor is not None:
            raise PolicyError(f"{_line(event)}anchors and aliases are not allowed; write {escape(event.anchor)} out")
        self._nodes, self._depth = self._nodes + 1, self._depth + 1
        if self._nodes > MOST_NODES or self._depth > DEEPEST:
            raise PolicyError(f"the policy is larger than {MOST_NODES:,} values, or deeper than {DEEPEST} levels")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        plain = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag[-6:] != ":merge"]
        duplicate = next((key for key, times in Counter(plain).items() if times > 1), None)
        if duplicate is not None:
            raise PolicyError(f"{_line(node)}the key {escape(duplicate)} appears twice; keep one")
        return super().construct_mapping(node, deep)


def read(text: str) -> Policy:
    """The policy that a YAML text states; JSON is YAML too. Raises PolicyError."""
    _check_length(text)
    try:
        document = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark)
        raise PolicyError(f"the policy is not valid YAML: {line}{escape(error.problem)}") from None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        raise PolicyError(f"the policy is not valid YAML: {escape(error)}") from None
    return policy_of(document)


def check_size(text: str, asked: Mapping[str, Any]) -> Policy:
    """The policy that was given as values, `text` being the same as JSON. Raises PolicyError."""
    _check_length(text)
    return policy_of(asked)


def _check_length(text: str) -> None:
    if len(text) > LONGEST:
        raise PolicyError(f"the policy has {len(text):,} characters, and at most {LONGEST:,} are allowed")


def text_of(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(4 * LONGEST + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyError(f"the policy is not valid UTF-8 text: byte {error.start} cannot be read") from None


def _line(place: Any) -> str:
    """The line of an event, a node or a mark, where it has one."""
    mark = getattr(place, "start_mark", place)
    return "" if mark is None else f"line {mark.line + 1}: "
