"""Standing: where the connector has a mail server of its own, every merchant can be written for without joining one."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from connector.ports.joining import Grant

SERVER, SENDER = "MAIL_SERVER", "MAIL_FROM"


def standing(settings: Mapping[str, str], merchant: UUID) -> Grant | None:
    """The sender of this merchant's mails, each its own by a part after a plus sign; None without such a server."""
    name, _, host = settings.get(SENDER, "").strip().lower().rpartition("@")
    if not (name and host and settings.get(SERVER)):
        return None
    return Grant(f"{name}+{merchant.hex[-12:]}@{host}", settings[SERVER].strip())
