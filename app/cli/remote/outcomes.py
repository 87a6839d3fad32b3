"""How a command ends that has a time, and may ask a service: with the exit code that its help states.

2 wrong usage, policy or baseline; 3 the server or the analysis failed; 4 the time was up.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from analysis.errors import CheckpointError, EigenscopeError
from app.cli.output import end
from app.client.errors import Late, Refused, RemoteError

USAGE, BROKEN, LATE = 2, 3, 4


@contextmanager
def outcomes(seconds: float) -> Iterator[None]:
    """What goes wrong ends the command with a code, and so does the end of the time."""

    def raise_late(number: int, frame: object) -> NoReturn:
        raise Late

    old_handler = signal.signal(signal.SIGALRM, raise_late)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    except Late:
        end("time-out", f"no answer within {seconds:g} s", LATE)
    except (CheckpointError, RemoteError) as error:
        end(error.code, str(error), USAGE if isinstance(error, Refused) else BROKEN)
    except EigenscopeError as error:
        end(error.code, error.message, USAGE)
    except OSError as error:
        end("unreadable-file", f"{error.filename or 'a file'} cannot be read: {error.strerror or error}", BROKEN)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, old_handler)
