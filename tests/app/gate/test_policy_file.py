"""Policies as text: YAML is data only, and no bomb."""

import json
from pathlib import Path

import pytest
import yaml

from analysis.errors import PolicyError
from analysis.gate.reading import policy_of
from analysis.gate.starter import starter
from app.gate.policy_file import LONGEST, Loader, check_size, read, text_of

RULE = "rules: [{column: esd.alpha, min: 2}]"
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


def test_yaml_and_json_say_the_same() -> None:
    assert read(RULE) == read('{"rules": [{"column": "esd.alpha", "min": 2}]}')
    assert read(RULE) == policy_of({"rules": [{"column": "esd.alpha", "min": 2}]})


def test_the_starter_is_a_policy(tmp_path: Path) -> None:
    path = tmp_path / "eigenscope.yml"
    path.write_text(starter(), encoding="utf-8")
    assert len(read(text_of(path)).rules) == 7


def test_anchors_and_aliases_are_refused() -> None:
    with pytest.raises(PolicyError, match="line 2: anchors and aliases are not allowed; write a out"):
        read("rules:\n  - &a {column: esd.alpha, min: 2, name: x}\n  - {<<: *a, name: y, min: 3}\n")


class Key(str):
    """A text that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Key.compared += 1
        return str.__eq__(self, other)


def test_the_search_for_doubled_keys_compares_each_with_few() -> None:
    keys = [yaml.ScalarNode("tag:yaml.org,2002:str", Key(number)) for number in range(1000)]
    node = yaml.MappingNode("tag:yaml.org,2002:map", [(key, key) for key in keys])
    assert len(Loader("").construct_mapping(node)) == 1000
    assert Key.compared < 10_000


@pytest.mark.parametrize("form", ['{{"rules": [{}]}}', "rules: [{}]"])
@pytest.mark.parametrize("where", ['"name": "{}"', '"layers": {{"name": "{}"}}', '"checkpoint": "{}"'])
def test_a_lone_surrogate_is_no_text(form: str, where: str) -> None:
    rule = '{"column": "esd.alpha", "min": 2, ' + where.format(r"a\ud800") + "}"
    with pytest.raises(PolicyError, match="is not valid"):
        read(form.format(rule))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a mapping"),
        ("rules: [", "the policy is not valid YAML: line 1"),
        ("rules: [{column: esd.alpha, min: 2, min: 3}]", "line 1: the key min appears twice"),
        ("!!python/object/apply:os.system ['touch /tmp/owned']", "not valid YAML"),
        ("rules: !!binary 'x'", "the policy"),
        ("a: *b", "anchors and aliases are not allowed; write b out"),
        ("a: &a [*a]", "anchors and aliases are not allowed"),
        (LAUGHS, "line 1: anchors and aliases are not allowed"),
        ("[" * 5000, "deeper than 20 levels"),
        ("rules: " + "[" * 21 + "]" * 21, "deeper than 20 levels"),
        ("x" * (LONGEST + 1), "at most 65,536 are allowed"),
        ("rules: [" + "1, " * 10_001 + "]", "larger than 10,000 values"),
        ("\x00", "not valid YAML"),
        ("rules: 2020-13-45", "the policy"),
        ("? [a, b]\n: 1", "the policy"),
        ("rules:\n\t- x", "not valid YAML: line 2"),
    ],
)
def test_what_is_no_policy_is_said_briefly(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read(text)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500


def test_a_policy_of_values_may_be_no_longer_than_a_text() -> None:
    asked = {"rules": [{"column": "esd.alpha", "min": 2, "name": "x" * LONGEST}]}
    with pytest.raises(PolicyError, match="at most 65,536 are allowed"):
        check_size(json.dumps(asked), asked)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "eigenscope.yml"
    path.write_bytes(b"rules: \xff")
    with pytest.raises(PolicyError, match="not valid UTF-8 text: byte 7"):
        text_of(path)
