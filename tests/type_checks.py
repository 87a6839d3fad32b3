"""How tests check each call into `analysis` by its annotations.

jaxtyping binds the arguments of every call by name, and has beartype check them twice, so that the shapes of arrays in
one call agree. A function that names no array has no shapes: beartype alone checks the same there, in a fraction of the
time.
"""

import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any, ForwardRef, Literal, get_args, get_origin

import jaxtyping
from beartype import BeartypeConf, beartype

with_shapes = jaxtyping.jaxtyped
# The same error either way: a TypeError, which is what a wrong type is without these checks too.
by_type = beartype(conf=BeartypeConf(violation_type=jaxtyping.TypeCheckError))


def install() -> None:
    """For all that jaxtyping's import hook decorates from now on."""
    jaxtyping.jaxtyped = checked  # type: ignore[assignment]


def checked(made: Any = None, *, typechecker: Any) -> Any:
    """Decorates as `jaxtyping.jaxtyped` does."""
    if made is None:
        return lambda target: checked(target, typechecker=typechecker)
    if inspect.isclass(made):
        if is_dataclass(made) and "__init__" in vars(made):
            made.__init__ = checked(made.__init__, typechecker=typechecker)  # type: ignore[method-assign]
        return made
    if inspect.isfunction(made) and not _may_have_shapes(made):
        return by_type(made)
    return with_shapes(made, typechecker=typechecker)


def _may_have_shapes(function: Callable[..., Any]) -> bool:
    """Whether an annotation names an array, or is known by its text only."""
    return inspect.isgeneratorfunction(function) or any(map(_names_array, function.__annotations__.values()))


def _names_array(annotation: Any) -> bool:
    if get_origin(annotation) is Literal:
        return False
    if isinstance(annotation, str | ForwardRef):
        return True
    if isinstance(annotation, list):  # the parameters of a Callable
        return any(map(_names_array, annotation))
    is_array = inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray)
    return is_array or any(map(_names_array, get_args(annotation)))
