"""What receivers send us: nothing. Whatever claims to come from one is not believed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connector.domain.facts import ObjectRef
from connector.errors import Rejected
from connector.ports.inbound import Inbox, Item, Reading, Said, Visitor

_NOTHING = "hooks only send"


def receive(_inbox: Inbox, _secrets: Sequence[str]) -> Sequence[Item]:
    raise Rejected(_NOTHING, status=404)


def read(_topic: str, _body: bytes, _at: datetime) -> Reading:
    raise ValueError(_NOTHING)


def reply(_inbox: Inbox) -> Said:
    return Said()


def visitor(_inbox: Inbox, _secrets: Sequence[str]) -> Visitor:
    raise Rejected(_NOTHING, status=404)


def purchase(_number: str) -> ObjectRef:
    raise ValueError("receivers know no purchases; give the number that the shop or CRM shows")
