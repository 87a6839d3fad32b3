"""Names that are only a participle or an adverb: how many functions and variables have one.

A name counts where every word of it up to a preposition is a participle or an adverb: `found`, `given_back`. The names
`found_rows`, with a noun, and `is_found`, with a verb, do not count. Names of Python's own (`__init__`) are left out.
English decides, by the word lists below and the ending -ed. A word that they miss is not counted: a share is a lower
bound, and two trees are measured alike. Words that are as often a verb or a noun (put, read, run, set, split, spread,
come, lit) are not listed.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


IRREGULAR = _words(
    """
    begun bent born borne bought bound broken brought built caught chosen dealt done drawn driven fallen fed
    felt forbidden foreseen forgotten fought found frozen given gone got grown heard held hidden hung kept known
    laid led left lent lost made meant met overridden overrun paid proven ridden said sat seen sent shaken shown
    shrunk shut slept slid sold sought spent spoken spun stolen stood struck stuck sunk swept sworn taken taught
    thought thrown told torn understood undone unforeseen unheard unknown unseen unwritten upheld went withheld
    woken won worn written wrought
    """
)
NOT_PARTICIPLES = _words("bed bleed breed embed exceed feed need proceed red seed shed speed succeed")
ADVERBS = _words(
    """
    about above across after again against ago ahead alike alone along already also always any anything apart
    aside at away back barely before behind below beneath beside besides best better between beyond both closely
    each early elsewhere ever everything everywhere far few forever forth from halfway hence here if in indeed
    inside instead late lately least long mainly meanwhile midway more most mostly near nearly never nothing now
    nowhere of often on once only others otherwise out outside over partly per quite rather since somebody
    somewhere soon still strongly then there these they through throughout thus to together too twice under
    until up upright weakly well when where whoever whole wholly why with within without worse worst yet
    """
)
PREPOSITIONS = _words("as at by for from in of on over to under with")


@dataclass(frozen=True)
class Share:
    """How many of a tree's names are only a participle or an adverb."""

    count: int
    total: int

    @property
    def percent(self) -> float:
        return 100.0 * self.count / self.total if self.total else 0.0


def is_participle(word: str) -> bool:
    return word in IRREGULAR or (len(word) > 3 and word.endswith("ed") and word not in NOT_PARTICIPLES)


def is_bare(name: str) -> bool:
    """Whether a name is only a participle or an adverb.

    >>> is_bare("found"), is_bare("given_back"), is_bare("found_rows"), is_bare("is_found")
    (True, True, False, False)
    """
    head = list(_words_before_preposition(name))
    return bool(head) and not name.startswith("__") and all(is_participle(word) or word in ADVERBS for word in head)


def _words_before_preposition(name: str) -> Iterator[str]:
    for at, word in enumerate(word for word in name.lower().split("_") if word):
        if at and word in PREPOSITIONS:
            return
        yield word


def function_names(tree: ast.AST) -> list[str]:
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def variable_names(tree: ast.AST) -> list[str]:
    """The names that each function binds, parameters included, and those of the module: once per scope."""
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module)]
    return [name for scope in scopes for name in sorted(set(_bound_names(scope)))]


def _bound_names(scope: ast.AST) -> Iterator[str]:
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg) and node.arg not in ("self", "cls"):
            yield node.arg
        waiting += ast.iter_child_nodes(node)


def share_of(names: Iterable[str]) -> Share:
    counted = list(names)
    return Share(sum(map(is_bare, counted)), len(counted))


def bare_functions(paths: Iterable[Path]) -> Iterator[str]:
    """Where they are, for a person who wants to rename one."""
    for path in paths:
        yield from (f"{path}: {name}" for name in function_names(ast.parse(path.read_text())) if is_bare(name))
