"""A property that is found once and kept, without a lock.

In Python 3.11 `functools.cached_property` holds one lock for all objects of a class while it computes, so that two
weights were never decomposed at once; Python 3.12 has done away with it. Two threads that ask the same object at the
same moment may here both compute, as there.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Found = TypeVar("Found")


class once(Generic[Found]):  # noqa: N801  # it reads as a decorator
    """For methods of classes whose objects have a `__dict__`, frozen dataclasses too: the value is kept there."""

    def __init__(self, method: Callable[[Any], Found]) -> None:
        self._method, self.__doc__ = method, method.__doc__
        self._name = method.__name__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "once[Found]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> Found: ...
    def __get__(self, instance: object | None, owner: type) -> "once[Found] | Found":
        if instance is None:
            return self
        value = self._method(instance)
        vars(instance)[self._name] = value  # which is looked at before this is, from now on
        return value
