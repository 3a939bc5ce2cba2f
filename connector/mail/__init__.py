"""Mail: the connector writes to people itself, by a mail server of the merchant's, where no other account tells them.

It is joined like a platform and has the rooms of one; but it speaks SMTP, sends nothing to us, and pays nothing.
"""

from __future__ import annotations

from datetime import timedelta

from connector.ports.platform import Capability, Manifest, Setting

#: An address to send from.
SENDER = r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
#: The address of a mail server, as `post.Server` reads it.
SERVER = r"smtps?://(?:[^\s/@?#]+@)?[A-Za-z0-9.-]+(?::[1-9][0-9]{0,3}|:[1-5][0-9]{4}|:6[0-4][0-9]{3})?/?"

MANIFEST = Manifest(
    key="mail",
    label="E-mail",
    api_version="RFC 5321",
    capabilities=frozenset({Capability.EVENT}),
    qualifying=frozenset(),
    scopes=(),
    operations=(),
    settings=(
        Setting(
            "MAIL_SERVER",
            "the address of a mail server, such as smtps://user:password@smtp.example.com, for merchants without one",
            secret=True,
            pattern=SERVER,
        ),
        Setting(
            "MAIL_FROM", "the sender of those mails, such as referrals@connector.example.com", pattern=f"(?i:{SENDER})"
        ),
    ),
    app_key="MAIL_FROM",
    app_secret="MAIL_SERVER",  # noqa: S106 - the name of a setting
    url_setting="",  # nothing is called by HTTP
    accounts=SENDER,
    hosts=r"(?!)",
    own_hosts=frozenset(),
    object_kinds=frozenset({"person"}),
    person_kind="person",
    read_batch=1,
    look_batch=1,
    write_batch=1,
    watch_batch=1,
    quiet=timedelta(minutes=1),
    # One at a time: how each mail ended is known by itself, so that no failure has another one sent twice.
    tell_batch=1,
    tell_rank=9,
    mails=True,
)
