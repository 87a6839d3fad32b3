"""The intruders of many tensors, one after the other; what was found before is remembered and not looked for again."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

from analysis.diagnostic import Scope
from analysis.engine.comparison import Comparison
from analysis.engine.memory import bytes_of_several
from analysis.engine.scheduling import run_each
from analysis.mitigation.intruding import Intruding, intruding
from analysis.mitigation.options import MitigationOptions
from analysis.mitigation.resume import Memory
from analysis.tensors.matching import Aligned
from analysis.weight import TensorInfo

Progress = Callable[[TensorInfo], None]


@dataclass(frozen=True)
class Search:
    """How intruders are looked for, in the tuned checkpoint and again in the mitigated one."""

    recipe: MitigationOptions
    device: str
    progress: Progress | None
    memory: Memory | None

    def find_intruders(
        self, comparison: Comparison, rows: Sequence[Aligned], stage: str
    ) -> Generator[list[Intruding], None, None]:
        """The intruders of these tensors, one after the other, small ones several at once.

        After an attempt that was interrupted each is by itself, so that one that nobody survives holds up no other.
        """
        by_name = {row.base.called: row for row in rows}

        def work(info: TensorInfo) -> list[Intruding]:
            old_result = self.memory.recall(stage, info.called) if self.memory else None
            if old_result is not None:
                return old_result
            new_result = intruding(comparison, by_name[info.called], self.recipe, self.device)
            if self.memory:
                self.memory.keep(stage, info.called, new_result)
            return new_result

        def need(info: TensorInfo) -> int:
            row = by_name[info.called]
            return bytes_of_several([row.base, row.at(1)], [Scope.PAIR])

        tensors = [row.base for row in rows]
        one_by_one = ((info, work(info)) for info in tensors)
        is_resumed = self.memory is not None and self.memory.again
        with closing(one_by_one if is_resumed else run_each(tensors, work, self.device, need=need)) as several:
            for info in tensors:
                if self.progress is not None:
                    self.progress(info)
                yield next(several)[1]
