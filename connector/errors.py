"""Every error of the product, named by its consequence: what may be done next.

ConnectorError
├── Rejected              a delivery we must not believe          -> 401 or 4xx, counted, nothing processed
├── ConfigError           settings, mapping or program are wrong  -> stop at start, in words that say the remedy
├── NotFound              what was asked for does not exist       -> 404, or a plain line at the terminal
├── PlatformError         an answer, or the lack of one, from a platform
│   ├── NotDone           certainly had no effect                 -> may be sent again
│   │   ├── Throttled         the platform asked us to wait
│   │   ├── Unavailable       it could not be reached, or said it is down before doing anything
│   │   ├── TokenExpired      the access token must be refreshed first
│   │   └── Late              our own deadline had passed, so nothing was sent
│   ├── Unknown           may have had an effect                  -> never sent again before reading back
│   ├── Refused           certain and permanent                   -> park with the reason
│   └── Gone              account uninstalled, revoked or erased  -> stop the connection, keep the ledger
└── InvariantBroken       our own bug                             -> stop this work and tell an engineer

The line that guards money runs between NotDone and Unknown, not between 4xx and 5xx: a connect error is
NotDone; a read timeout, a reset after sending, a 5xx and a success that cannot be parsed are Unknown.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Root of all errors raised on purpose."""


class Rejected(ConnectorError):
    """An inbound request that must not be believed. `status` is the HTTP answer it deserves."""

    def __init__(self, reason: str, status: int = 401) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class ConfigError(ConnectorError):
    """Settings, mapping or program data are wrong. Carries every problem found, not only the first."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotFound(ConnectorError):
    """The thing asked for does not exist for this merchant."""


class PlatformError(ConnectorError):
    """What a platform answered, or failed to answer, told by its consequence."""

    def __init__(
        self, reason: str, *, platform: str = "", operation: str = "", status: int | None = None, request_id: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.platform = platform
        self.operation = operation
        self.status = status
        self.request_id = request_id


class NotDone(PlatformError):
    """Certainly had no effect; may be sent again."""

    #: Seconds to wait before the next try, or None for the usual schedule.
    wait_s: float | None = None


class Throttled(NotDone):
    """The platform asked us to wait `wait_s` seconds."""

    def __init__(
        self,
        reason: str,
        *,
        wait_s: float,
        platform: str = "",
        operation: str = "",
        status: int | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(reason, platform=platform, operation=operation, status=status, request_id=request_id)
        self.wait_s = wait_s


class Unavailable(NotDone):
    """The platform could not be reached, or is down, before anything was done."""


class TokenExpired(NotDone):
    """The access token is no longer honoured; refresh it, then send again."""


class Late(NotDone):
    """Our own deadline had passed before the first byte left, so nothing was sent."""


class Unknown(PlatformError):
    """The call may have had an effect; read back before any second send."""


class Refused(PlatformError):
    """Certain and permanent: validation, consent, a full account. `code` is the platform's own word."""

    def __init__(
        self,
        reason: str,
        *,
        code: str = "",
        platform: str = "",
        operation: str = "",
        status: int | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(reason, platform=platform, operation=operation, status=status, request_id=request_id)
        self.code = code


class Gone(PlatformError):
    """The account is uninstalled, revoked or erased: stop the connection and keep the ledger."""


class InvariantBroken(ConnectorError):
    """Something that cannot be true is true. Our bug: stop this work, lose nothing."""
