"""Letters: what a mail says of each kind of news, in few and plain words.

A line that needs something which is not known, such as an amount, is left out; so is a subject, and the next one stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import Policy, default
from email.utils import format_datetime
from string import Formatter
from typing import cast

from connector import clock
from connector.domain.news import NewsKind
from connector.ports.news import News

ADVOCATE, FRIEND = "advocate", "friend"
#: What a mailbox is called, as any server takes it.
_LOCAL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]")


class _Link(UnstructuredHeader):
    """A header that holds an address of the web: no line is too long for it, since nobody decodes it."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]  # of the class it is joined to


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", cast("type[BaseHeader]", _Link))


@dataclass(frozen=True)
class Words:
    """subjects: the first that can be said. lines: all that can."""

    subjects: tuple[str, ...]
    lines: tuple[str, ...]


_OF_KIND = {
    NewsKind.INVITED: Words(
        ("Do you know somebody for {business}?",),
        (
            "{business} thanks you for recommending it to friends: {program}.",
            "{reason}",
            "Your link to share: {link}",
            "Take part here: {join}",
            "A text that you may send: {share_text}",
        ),
    ),
    NewsKind.ENROLLED: Words(
        ("Your link for {business}",),
        (
            "You take part in {program}. Share this link with friends: {link}",
            "Or tell them your code: {code}",
            "A text that you may send: {share_text}",
        ),
    ),
    NewsKind.SHARED: Words(
        ("Your link is on its way",),
        ("You shared your link of {program} for the first time. We write to you when a friend comes by it.",),
    ),
    NewsKind.VISITED: Words(
        ("A friend followed your link",), ("A friend of yours looked at {business} by your link of {program}.",)
    ),
    NewsKind.STARTED: Words(
        ("A friend came by your link",),
        ("A friend came to {business} by your link or code. We write to you when it counts for {program}.",),
    ),
    NewsKind.QUALIFIED: Words(
        ("What your friend did is being checked",),
        ("Your friend did what {program} asks for. It counts once the time for returns is over.",),
    ),
    NewsKind.CONVERTED: Words(("Your referral counts",), ("A friend whom you sent to {business} counts for {program}.",)),
    NewsKind.REJECTED: Words(
        ("About a friend whom you referred",), ("A referral of yours does not count for {program}.", "{reason}")
    ),
    NewsKind.DUE: Words(
        ("You are owed {amount}", "You are owed {item}", "You are owed a reward"),
        (
            "For {program} you get {item}.",
            "For {program} you are owed {amount}.",
            "It is paid once the time for returns is over; you need to do nothing.",
        ),
    ),
    NewsKind.MILESTONE: Words(
        ("You reached a milestone",), ("You reached a milestone of {program}.", "For it you are owed {amount}.")
    ),
    NewsKind.ISSUED: Words(
        ("You got {amount}", "You got {item}", "You got your reward"),
        (
            "Your reward of {program}: {item}.",
            "Your reward of {program} is there: {amount}.",
            "Your code for it: {reward_code}. Keep it to yourself: whoever has it can spend it.",
        ),
    ),
    NewsKind.EXPIRING: Words(
        ("{amount} ends soon", "Your credit ends soon"),
        ("Of your reward of {program}, {amount} can be spent for a short while only.", "Your code for it: {reward_code}"),
    ),
    NewsKind.REDEEMED: Words(
        ("You spent {amount}", "You spent your credit"), ("Of your reward of {program} you spent {amount}.",)
    ),
    NewsKind.REVERSED: Words(
        ("{amount} of your reward was taken back", "A part of your reward was taken back"),
        ("What it was for was refunded or changed. So {amount} of your reward of {program} was taken back.",),
    ),
    NewsKind.LATE: Words(
        ("Your reward is late",),
        (
            "Your reward of {program} should be there by now: {amount}.",
            "{business} knows it and looks after it; you need to do nothing.",
        ),
    ),
}  # fmt: skip
#: Where a friend hears something else than an advocate.
_OF_FRIEND = {
    NewsKind.VISITED: Words(("Welcome to {business}",), ("A friend recommended {business} to you: {program}.",)),
    NewsKind.STARTED: Words(
        ("Welcome to {business}",),
        ("A friend recommended {business} to you. What {program} promises you is kept for you.",),
    ),
}
_END = ("{business}", "No more of these mails: {stop}")


def letter(news: News, sender: str) -> EmailMessage | None:
    """The mail that tells this; None where it can be sent to nobody. sender: the address that it comes from."""
    to = _address(news.email)
    if to is None:
        return None
    known = _known(news)
    words = (_OF_FRIEND if news.role == FRIEND else {}).get(news.kind) or _OF_KIND[news.kind]
    mail = EmailMessage(policy=default.clone(header_factory=_HEADERS))
    mail["From"] = Address(known.get("business", ""), addr_spec=sender)
    mail["To"] = to
    mail["Subject"] = next(said for each in words.subjects if (said := _said(each, known)))
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = f"<{news.id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # no holiday note shall answer it (RFC 3834)
    if news.stop:
        mail["List-Unsubscribe"] = f"<{news.stop}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    lines = [said for each in words.lines if (said := _said(each, known))]
    end = [said for each in _END if (said := _said(each, known))]
    mail.set_content("\n\n".join(lines) + "\n\n-- \n" + "\n".join(end) + "\n", cte="quoted-printable")
    return mail


def _known(news: News) -> Mapping[str, str]:
    """All that can be said, each without line breaks: who names a program cannot write headers."""
    told = {
        **news.values,
        "business": news.business,
        "stop": news.stop,
        "amount": str(news.amount) if news.amount is not None else "",
    }
    return {name: " ".join(text.split()) for name, text in told.items() if text.strip()}


def _said(template: str, known: Mapping[str, str]) -> str:
    """The template with what is known; "" where something in it is not."""
    needed = {name for _, name, _, _ in Formatter().parse(template) if name}
    return template.format_map(known) if needed <= set(known) else ""


def _address(email: str) -> str | None:
    """As every mail server takes it: a domain's own letters are spelled in ASCII; None for what cannot be spelled so."""
    local, _, domain = email.strip().rpartition("@")
    try:
        host = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return f"{local}@{host}" if _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(host) else None
