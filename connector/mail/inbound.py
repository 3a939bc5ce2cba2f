"""What a mail server sends us: nothing. Who asks not to be written to says so on a page of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from connector.errors import Rejected
from connector.ports.inbound import Inbox, Item, Reading, Said, Visitor

#: Every word that `read` may answer with: there are none.
OUTCOMES: Mapping[str, str] = {}


def receive(inbox: Inbox, secrets: Sequence[str]) -> Sequence[Item]:  # noqa: ARG001
    """Nothing. Raises Rejected."""
    raise Rejected("mail servers send no webhooks", 404)


def reply(inbox: Inbox) -> Said:  # noqa: ARG001
    return Said()


def visitor(inbox: Inbox, secrets: Sequence[str]) -> Visitor:  # noqa: ARG001
    raise Rejected("mail has no pages of its own", 404)


def read(topic: str, body: bytes, at: datetime) -> Reading:  # noqa: ARG001
    raise ValueError("nothing comes from a mail server")
