"""One mail over SMTP (RFC 5321), with each step's failure named by its consequence.

Up to the last line of the mail nothing has happened. Once that line has left, a lost answer tells nothing: the server may
have taken it. The mail is then sent again under the same Message-ID, as mail servers among themselves do, and whoever
keeps mails by their id shows it once.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import unquote, urlsplit

from connector.errors import ConfigError, Refused, Throttled, TokenExpired, Unavailable, Unknown

#: What a server answers: taken; taken for another mailbox; go on with the mail; not now, and nothing else either. From
#: 500 on it is for ever.
_TAKEN, _FORWARDED, _GO_ON, _CLOSING, _FOR_EVER = 250, 251, 354, 421, 500
#: How long a server that is busy is left alone.
_BUSY_S = 60.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_HELP = "give a mail server's address, such as smtps://user:password@smtp.example.com or smtp://... for STARTTLS"
_PLATFORM = "mail"


@dataclass(frozen=True)
class Server:
    """A mail server. tls: encrypted from the first byte; else it must agree to STARTTLS, unless it is on this machine."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, address: str) -> Server:
        """`smtps://user:password@host:port`. Raises ConfigError, which never shows the password."""
        try:
            parts = urlsplit(address.strip())
            port = parts.port
        except ValueError as error:
            raise ConfigError([_HELP]) from error
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ConfigError([_HELP])
        tls = parts.scheme == "smtps"
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname, port or (465 if tls else 587), tls, user, password)


@dataclass(frozen=True)
class Handed:
    """What became of a mail: taken; or `refused` for ever and why; or put `off`, and why."""

    refused: str = ""
    off: str = ""


@contextmanager
def greeted(server: Server, timeout_s: float) -> Iterator[smtplib.SMTP]:
    """A session that the server let us into. Raises Unavailable, Throttled, TokenExpired or Refused: nothing was sent."""
    try:
        session = _opened(server, timeout_s)
    except smtplib.SMTPAuthenticationError as error:
        words = f"the mail server does not take the password: {error.smtp_code} {_text(error.smtp_error)}"
        raise TokenExpired(words, platform=_PLATFORM, status=error.smtp_code) from error
    except smtplib.SMTPResponseException as error:
        raise _whole(error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPException, OSError) as error:
        raise _away(error) from error
    try:
        yield session
    finally:
        session.close()


def _opened(server: Server, timeout_s: float) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.tls:
        session: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=timeout_s, context=context)
    else:
        session = smtplib.SMTP(server.host, server.port, timeout=timeout_s)
    try:
        session.ehlo_or_helo_if_needed()
        if not server.tls and server.host not in _LOOPBACK:
            session.starttls(context=context)
        if server.user:
            session.login(server.user, server.password)
    except BaseException:
        session.close()
        raise
    return session


def hand_over(session: smtplib.SMTP, sender: str, to: str, mail: EmailMessage) -> Handed:
    """Have the server take one mail. Raises NotDone and Refused before it left, Unknown where nobody can tell."""
    try:
        code, words = session.mail(sender)
        if code != _TAKEN:
            raise _whole(code, words)
        code, words = session.rcpt(to)
        if code in (_TAKEN, _FORWARDED):
            code, words = session.docmd("DATA")
    except (smtplib.SMTPException, OSError) as error:
        raise _away(error) from error
    if code != _GO_ON:
        return _not_taken(code, words)
    try:
        session.send(_lines(mail))
        code, words = session.getreply()
    except (smtplib.SMTPException, OSError) as error:
        why = f"the mail server said no more after it had the mail: {type(error).__name__}"
        raise Unknown(why, platform=_PLATFORM, operation="data") from error
    return Handed() if code == _TAKEN else _not_taken(code, words)


def _lines(mail: EmailMessage) -> bytes:
    """As it goes over the wire: a line that begins with a dot gets another one, and a dot alone ends it."""
    raw = mail.as_bytes(policy=SMTP)
    return re.sub(rb"(?m)^\.", b"..", raw).removesuffix(b"\r\n") + b"\r\n.\r\n"


def _not_taken(code: int, words: bytes) -> Handed:
    """What a server says of one mail: 5xx is for ever, 4xx for a while."""
    if code == _CLOSING:
        raise _whole(code, words)
    said = f"the mail server answered {code} {_text(words)}"
    return Handed(refused=said) if code >= _FOR_EVER else Handed(off=said)


def _whole(code: int, words: object) -> Throttled | Refused:
    """What a server says of all mails of this sender."""
    said = f"the mail server answered {code} {_text(words)}"
    if code >= _FOR_EVER:
        return Refused(said, code=str(code), platform=_PLATFORM, status=code)
    return Throttled(said, wait_s=_BUSY_S, platform=_PLATFORM, status=code)


def _away(error: Exception) -> Unavailable:
    return Unavailable(f"the mail server is out of reach: {type(error).__name__}", platform=_PLATFORM)


def _text(words: object) -> str:
    """A server's words, shortened; they may show the address that we gave it, and are kept for the merchant to read."""
    raw = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return " ".join(re.sub(r"\S+@\S+", "<address>", raw).split())[:200]
