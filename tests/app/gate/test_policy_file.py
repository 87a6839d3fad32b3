"""Policies as text: YAML is data only, and no bomb."""

from pathlib import Path

import pytest
import yaml

from analysis.errors import PolicyError
from analysis.gate.reading import policy_of
from analysis.gate.starter import starter
from app.gate.policy_file import LONGEST, Loader, read, read_file, text_of

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
    assert len(read_file(path).rules) == 6


def test_anchors_and_merges_are_read() -> None:
    policy = read("rules:\n  - &a {column: esd.alpha, min: 2, name: x}\n  - {<<: *a, name: y, min: 3}\n")
    assert [(rule.name, rule.bound and rule.bound.minimum) for rule in policy.rules] == [("x", 2.0), ("y", 3.0)]


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
    with pytest.raises(PolicyError, match="is not possible"):
        read(form.format(rule))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no mapping"),
        ("rules: [", "the policy is no YAML: line 1"),
        ("rules: [{column: esd.alpha, min: 2, min: 3}]", "line 1: the key min is there twice"),
        ("!!python/object/apply:os.system ['touch /tmp/owned']", "no YAML"),
        ("rules: !!binary 'x'", "the policy"),
        ("a: *b", "stands for nothing"),
        ("a: &a [*a]", "stands for nothing, or for itself"),
        (LAUGHS, "larger than"),
        ("[" * 5000, "deeper than 20 levels"),
        ("rules: " + "[" * 21 + "]" * 21, "deeper than 20 levels"),
        ("x" * (LONGEST + 1), "at most 262,144 are read"),
        ("rules: [" + "1, " * 20_001 + "]", "larger than 20,000 values"),
        ("\x00", "no YAML"),
        ("rules: 2020-13-45", "the policy"),
        ("? [a, b]\n: 1", "the policy"),
        ("rules:\n\t- x", "no YAML: line 2"),
    ],
)
def test_what_is_no_policy_is_said_briefly(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read(text)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "eigenscope.yml"
    path.write_bytes(b"rules: \xff")
    with pytest.raises(PolicyError, match="no UTF-8 text: byte 7"):
        text_of(path)
