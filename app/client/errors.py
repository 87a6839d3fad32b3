"""What goes wrong when a service is asked, in one tree.

RemoteError         the service did not do what it was asked
├── Unreachable     no connection, or an address that is not valid
├── TokenRefused    the token is missing, wrong or expired, or may not do this
├── Refused         the request is not valid: its policy, its options
├── Rejected        the files are no checkpoint that can be read
├── RunEnded        a run ended otherwise than done
└── Late            the time was up

`code` is stable and for programs: the service's own where it gave one (docs/errors.md, docs/api.md).
"""


class RemoteError(Exception):
    """The service did not do what it was asked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unreachable(RemoteError):
    """No connection, or an address that is not valid."""


class TokenRefused(RemoteError):
    """The token is missing, wrong or expired, or may not do this."""


class Refused(RemoteError):
    """It did not like the request: the policy or the baseline, for one."""


class Rejected(RemoteError):
    """The files are no checkpoint that can be read."""


class RunEnded(RemoteError):
    """A run ended otherwise than done."""


class Late(RemoteError):
    """The time is up."""

    def __init__(self) -> None:
        super().__init__("time-out", "no answer within the time limit")


BY_STATUS = {400: Refused, 422: Refused, 401: TokenRefused, 403: TokenRefused}
