"""What we ask of a mail server: to take one mail at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTP

from connector.domain.facts import ObjectRef
from connector.mail.letters import letter
from connector.mail.post import Server, greeted, hand_over
from connector.ports.news import News, NewsResult
from connector.ports.platform import Account, Kit
from connector.ports.records import Setup

#: A mailbox that is full, or a server that wants to see us twice, is tried again after this.
PUT_OFF = timedelta(minutes=15)


@dataclass(frozen=True)
class MailOutbound:
    """Writes to people. It pays nothing and keeps no records, so that nothing else is asked of it."""

    timeout_s: float

    def tell(self, account: Account, news: Sequence[News]) -> Sequence[NewsResult]:
        """Send one mail for each. Raises Unknown where the one that was sent last may have been taken."""
        with greeted(Server.parse(account.token), self.timeout_s) as session:
            return [self._one(account, session, each) for each in news]

    def _one(self, account: Account, session: SMTP, news: News) -> NewsResult:
        if news.history:
            return NewsResult(news.id, "it happened before the mail server was connected", elsewhere=True)
        mail = letter(news, account.external)
        if mail is None:
            return NewsResult(news.id, "no mail can be sent to what is kept as their address", elsewhere=True)
        handed = hand_over(session, account.external, mail["To"], mail)
        if handed.off:
            return NewsResult(news.id, handed.off, later=PUT_OFF)
        return NewsResult(news.id, handed.refused, elsewhere=bool(handed.refused))

    def unheard(self, account: Account) -> Sequence[ObjectRef]:  # noqa: ARG002
        """Nothing there decides about a referral."""
        return ()

    def provision(self, account: Account, setup: Setup) -> Mapping[str, str]:  # noqa: ARG002
        """Nothing to set up."""
        return {}


def build(kit: Kit) -> MailOutbound:
    return MailOutbound(kit.timeout_s)
