"""The errors of the client."""

import pytest

from app.client.errors import BY_STATUS, Late, Refused, RemoteError, TokenRefused


@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (422, Refused), (401, TokenRefused), (403, TokenRefused)])
def test_the_status_says_which_one_it_is(status: int, kind: type[RemoteError]) -> None:
    error = BY_STATUS[status]("bad-policy", "rule 1")
    assert type(error) is kind
    assert (error.code, str(error)) == ("bad-policy", "rule 1")


def test_the_end_of_the_time_is_caught_with_the_others() -> None:
    with pytest.raises(RemoteError, match="time limit") as told:
        raise Late
    assert told.value.code == "time-out"
