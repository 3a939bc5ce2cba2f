"""Hooks: receivers of the merchant's own, which are sent what people hear. They pay nothing, and tell us nothing."""

from __future__ import annotations

from datetime import timedelta

from connector.domain.news import NewsKind
from connector.ports.hooks import KINDS, RECEIVER
from connector.ports.platform import Choice, Manifest, Setting

_KIND = "|".join(kind.value for kind in NewsKind)
#: A name on the public internet; what it leads to is looked at before each call.
HOST = r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])"

MANIFEST = Manifest(
    key=RECEIVER,
    label="Hook",
    api_version="1",
    capabilities=frozenset(),
    qualifying=frozenset(),
    scopes=(),
    operations=(),
    settings=(Setting("HOOK_URL", "base to call instead of the receivers' own hosts, before /HOST/PATH"),),
    app_key="HOOK_URL",
    app_secret="",  # each receiver has a secret of its own
    url_setting="HOOK_URL",
    accounts=r"https://.+",
    hosts=HOST,
    own_hosts=frozenset(),
    object_kinds=frozenset(),
    person_kind="person",
    read_batch=1,
    look_batch=1,
    write_batch=1,
    watch_batch=1,
    quiet=timedelta(seconds=60),
    choices=(
        Choice(
            KINDS,
            f"kinds of news, separated by commas; all where nothing is chosen: {', '.join(NewsKind)}",
            rf"({_KIND})(\s*,\s*({_KIND}))*",
        ),
    ),
)
