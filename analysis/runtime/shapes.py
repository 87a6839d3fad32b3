"""Types of arrays with their shapes, as `Float64[ndarray, "rows columns"]`: those of jaxtyping.

Type checkers read them, and so does a process that has imported jaxtyping before, as the tests do, which check every
call by them. Elsewhere nobody reads them, and they are the type of the array alone: jaxtyping takes a tenth of a second
to be imported, a third of what a process that lists a checkpoint costs before its first file.
"""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Bool as Bool
    from jaxtyping import Float as Float
    from jaxtyping import Float32 as Float32
    from jaxtyping import Float64 as Float64
    from jaxtyping import Int as Int
    from jaxtyping import Int64 as Int64
    from jaxtyping import Shaped as Shaped
    from jaxtyping import UInt8 as UInt8
else:

    class _Named:
        """Stands for a type of numbers: `Float[ndarray, "rows"]` is the array's type."""

        def __getitem__(self, of: tuple[Any, str]) -> Any:
            return of[0]

    Bool = Float = Float32 = Float64 = Int = Int64 = Shaped = UInt8 = _Named()
