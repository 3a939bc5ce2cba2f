"""The `ask` and `share` sections of a program, as a merchant writes them."""

from __future__ import annotations

import re
from datetime import time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connector.domain.asking import Asking, Prompt
from connector.domain.program import Share
from connector.domain.reader import Reader, listed

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_NONE = timedelta(0)
#: What a text to share may name.
_NAMES = {"link", "code", "program", "business"}


def asking(read: Reader) -> Asking | None:
    """None where nobody is to be asked."""
    if not read.has("ask"):
        return None
    names = read.texts("ask.after")
    if not names or not {*names} <= {*Prompt}:
        read.wrong("ask.after", f"say after what people are asked: some of {', '.join(Prompt)}")
    prompts = frozenset(Prompt(name) for name in names if name in {*Prompt})
    field = read.text("ask.field", empty=True)
    if (Prompt.REVIEW in prompts) != bool(field):
        read.wrong(
            "ask.field", "goes with `after: [review]`, and that needs it: the field of your CRM that tells of it"
        )
    if read.has("ask.values") and not field:
        read.wrong("ask.values", "goes with `ask.field`: the values of it that tell that somebody is content")
    return Asking(
        prompts=prompts,
        wait=_days(read, "wait_days", 3),
        orders=read.count("ask.orders", 1, 0, 1000),
        products=read.labels("ask.products"),
        every=_days(read, "every_days", 90),
        most=read.count("ask.at_most", 3, 1, 100),
        quiet=_quiet(read),
        zone=_zone(read),
        holdout_bp=read.percent("ask.holdout_percent"),
        per_day=read.whole("ask.per_day", None, 1),
        field=field,
        values=frozenset(each.casefold() for each in read.texts("ask.values")),
    )


def _days(read: Reader, name: str, default: int) -> timedelta:
    return read.days(f"ask.{name}", default) or _NONE


def _quiet(read: Reader) -> tuple[time, time] | None:
    """From and to which time nobody is asked."""
    texts = [read.text(f"ask.quiet_{end}", empty=True) for end in ("from", "to")]
    found = [_TIME.fullmatch(text) for text in texts]
    if not any(texts):
        return None
    if not all(found) or texts[0] == texts[1]:
        read.wrong(
            "ask.quiet_from", f'{listed(texts)}: write two different times of the day, such as "20:00" and "08:00"'
        )
        return None
    start, end = (time(int(match[1]), int(match[2])) for match in found if match)
    return start, end


def _zone(read: Reader) -> str:
    name = read.text("ask.zone", "UTC")
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        read.wrong("ask.zone", f"{name!r} is no time zone; write one such as Europe/Berlin")
        return "UTC"


def share(read: Reader) -> Share:
    """What advocates may send to friends, with the words that say what they have of it."""
    usual = Share()
    found = Share(read.text("share.text", usual.text), read.text("share.disclosure", usual.disclosure))
    for key, text in (("text", found.text), ("disclosure", found.disclosure)):
        names = set(re.findall(r"{(.*?)}", text))
        if re.sub(r"{.*?}", "", text) != re.sub(r"{.*?}|[{}]", "", text) or not names <= _NAMES:
            read.wrong(f"share.{key}", f"between curly brackets, write only {', '.join(sorted(_NAMES))}")
    if not {"link", "code"} & set(re.findall(r"{(.*?)}", found.text)):
        read.wrong("share.text", "it needs {link} or {code}, or nobody can follow it")
    return found
