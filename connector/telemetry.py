"""What the operator sees: one canonical JSON line per request and per slice, and a count. Never a token or a person.

Only the web processes are asked for metrics, so only what they count themselves is counted here; how work stands is read
from the database when somebody asks (`lanes/figures.py`).
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from prometheus_client import Counter

DELIVERIES = Counter("connector_deliveries_total", "Webhook requests by answer", ["platform", "status"])

#: Names under which a secret or a person might slip into a line.
_SECRET = ("token", "secret", "password", "authorization", "email", "phone", "body", "access", "refresh", "hmac")


def _redact(_logger: Any, _name: str, event: Any) -> Any:
    for name in event:
        if any(word in name.lower() for word in _SECRET):
            event[name] = "…"
    return event


def start_logging(level: str = "INFO") -> None:
    """JSON lines on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redact,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log(event: str, **values: Any) -> None:
    """One line."""
    structlog.get_logger().info(event, **values)


def warn(event: str, **values: Any) -> None:
    """One line somebody should read."""
    structlog.get_logger().warning(event, **values)
