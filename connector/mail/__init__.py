"""Mail: the connector writes to people itself, by a mail server of the merchant's, where no other account tells them.

It is joined like a platform and has the rooms of one; but it speaks SMTP, sends nothing to us, and pays nothing.
"""

from __future__ import annotations

from datetime import timedelta

from connector.ports.platform import Capability, Manifest

MANIFEST = Manifest(
    key="mail",
    label="E-mail",
    api_version="RFC 5321",
    capabilities=frozenset({Capability.EVENT}),
    qualifying=frozenset(),
    scopes=(),
    operations=(),
    settings=(),
    # The address of a mail server holds all that it takes, and is joined with the sender's address: no setting is needed.
    app_key="",
    app_secret="",
    url_setting="",
    accounts=r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]",
    hosts=r"(?!)",  # nothing is called by HTTP
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
