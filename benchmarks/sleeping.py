"""A worker that sleeps in place of measuring, for benchmarks.workers: `… worker --include=benchmarks.sleeping`.

The pool process is a fresh interpreter, which imports what Celery is told to include, and not the application's module.
"""

import os
import time
from collections.abc import Iterator
from typing import Any

from celery.signals import worker_process_init

SECONDS = float(os.environ.get("EIGENSCOPE_SLEEP", "1"))


@worker_process_init.connect  # type: ignore[untyped-decorator]  # celery has no types
def sleep_instead(**_: object) -> None:
    """In the pool process, where the work is done. One tensor, one row of each diagnostic, as from a measurement."""
    from analysis.diagnostic import Row, absent
    from analysis.tensors.matrices import matrices
    from workers import analyse

    def measured(checkpoint: Any, info: Any, requests: Any, position: int, *_: Any) -> Iterator[tuple[str, Row]]:
        time.sleep(SECONDS)
        for plan in matrices(info):
            for request in requests:
                yield request.diagnostic.name, Row(plan, (position,), absent(request.diagnostic, "it slept"))

    vars(analyse)["measure_tensor"] = measured
