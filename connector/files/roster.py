"""Roster files: lists of advocates as this and other tools write them, and our own, which reads the same again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from connector.domain import codes
from connector.domain.person import EMAIL, normal
from connector.domain.program_data import WAYS
from connector.errors import ConfigError
from connector.files import lines
from connector.files.columns import FORMATS, STAYS_OUT, plain, recognise
from connector.files.lines import Record
from connector.journey.enrol import BETWEEN, address, group
from connector.ports.roster import Entry, Flaw

HEADERS = (
    "email",
    "minted_code",
    "vanity_codes",
    "redeem_codes",
    "groups",
    "enrolled_by",
    "enrolled_from",
    "enrolled_at",
    "friends_before",
    "link",
)
_CODE_LETTERS = range(2, 65)
_NO_CODE = frozenset("\\/?#&%'\"<>|,;")
#: Where a link may carry its code; else it is the last part of its path.
_IN_LINK = ("ref", "referral_code", "referralcode", "smile_referral_code", "rc", "fbuy", "code")
_MOST = 2**31 - 1


@dataclass(frozen=True)
class Read:
    """What a list holds: the format it turned out to have, the good entries, and what is wrong in the other lines."""

    format: str
    entries: tuple[Entry, ...]
    flaws: tuple[Flaw, ...]


class _Wrong(ValueError):
    """A line that cannot be used; the words tell what to do."""


def read(raw: bytes, name: str, format_: str = "auto") -> Read:
    """A list of advocates; entries of one person are joined. Raises ConfigError for what is no such list at all."""
    records = lines.read(raw, name)
    header = next(records, Record(1, (), "it is empty; its first line must name the columns, one of them email"))
    if header.wrong:
        raise ConfigError([f"{name} line {header.line}: {header.wrong}"])
    chosen = recognise(header.cells) if format_ == "auto" else format_
    columns = _columns(header.cells, FORMATS[chosen], name)
    entries, flaws = [], []
    for record in records:
        try:
            entries.append(_entry(record.line, _row(record, columns, len(header.cells)), name))
        except (_Wrong, ConfigError) as error:
            flaws.append(Flaw(record.line, str(error)))
    joined, more = _joined(entries)
    return Read(chosen, joined, tuple(sorted([*flaws, *more], key=lambda flaw: flaw.line)))


def addresses(raw: bytes, name: str) -> tuple[list[str], list[Flaw]]:
    """The e-mail addresses of a list, each once; a list of nothing else needs no first line that names the columns."""
    records = list(lines.read(raw, name))
    names = FORMATS["connector"]["email"]
    first = records[0].cells if records else ()
    column = next((at for at, cell in enumerate(first) if plain(cell) in names), None)
    if column is not None:
        records = records[1:]
    elif len(first) > 1:
        raise ConfigError([f"{name}: no column is named email; the first line names {', '.join(first)[:200]!r}"])
    found: dict[str, str] = {}
    flaws = []
    for record in records:
        try:
            email = address("".join(record.cells[column or 0 : (column or 0) + 1]))
            found.setdefault(normal(EMAIL, email), email)
        except ConfigError as error:
            flaws.append(Flaw(record.line, record.wrong or str(error)))
    return list(found.values()), flaws


# ── What a line says ─────────────────────────────────────────────────────────────────────────────────────────────


def _columns(headers: Sequence[str], fields: Mapping[str, tuple[str, ...]], name: str) -> dict[str, list[int]]:
    """Where each field stands, best first. Raises ConfigError for a list without addresses."""
    places: dict[str, list[int]] = {}
    for place, header in enumerate(headers):
        places.setdefault(plain(header), []).append(place)
    columns = {field: [at for word in words for at in places.get(word, [])] for field, words in fields.items()}
    if not columns["email"]:
        raise ConfigError([f"{name}: no column is named email; the first line names {', '.join(headers)[:200]!r}"])
    return columns


def _row(record: Record, columns: Mapping[str, Sequence[int]], width: int) -> dict[str, str]:
    cells = record.cells
    if record.wrong:
        raise _Wrong(record.wrong)
    if any(cells[width:]):
        words = "put quotation marks around a value that holds the sign between values"
        raise _Wrong(f"it has {len(cells)} values where the first line names {width}: {words}")
    return {
        field: next((cells[at] for at in places if at < len(cells) and cells[at]), "")
        for field, places in columns.items()
    }


def _entry(line: int, row: Mapping[str, str], name: str) -> Entry:
    """What one line says. Raises _Wrong or ConfigError."""
    email = address(row["email"])
    if out := STAYS_OUT.get(row.get("state", "").casefold()):
        raise _Wrong(f"{email} {out}")
    kind, linked = _in_link(row["link"])
    named = {each: [*_many(row[each]), *([linked] if linked and each == kind else [])] for each in ("vanity", "redeem")}
    way = row.get("way") or "file"
    if way not in WAYS:
        raise _Wrong(f"enrolled_by: {way!r} is none of {', '.join(WAYS)}")
    return Entry(
        email,
        line,
        row["name"] or " ".join(filter(None, (row["first"], row["last"]))),
        way,
        _source(row.get("source", "") if "way" in row else name),
        _minted(row.get("minted", "")),
        _codes(named["vanity"]),
        _codes(named["redeem"]),
        frozenset(map(group, _many(row.get("groups", "")))),
        _count(row["brought"]),
        _time(row.get("at", "")),
    )


def _many(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(BETWEEN) if part.strip()]


def _source(text: str) -> str:
    if not text.isprintable():
        raise _Wrong(f"enrolled_from: {text!r} holds letters that cannot be shown; take them out")
    return text


def _minted(code: str) -> str:
    if code and codes.parse_minted(code) != code:
        raise _Wrong(f"minted_code: {code!r} is no code of ours; write it under vanity_codes")
    return code


def _codes(texts: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(codes.fold(text) for text in texts))
    for code in found:
        whole = len(code) in _CODE_LETTERS and code.isprintable() and not _NO_CODE & {*code} and " " not in code
        if not whole:
            raise _Wrong(f"{code!r} cannot be a code: it takes 2 to 64 letters, digits or dashes")
    return found


def _in_link(link: str) -> tuple[str, str]:
    """The code in a link, after what it is good for: sharing or checkout. Raises _Wrong for a link without a code."""
    if not link:
        return "vanity", ""
    try:
        parts = urlsplit(link if "//" in link else f"//{link}")
        query = {name.casefold(): value for name, value in parse_qsl(parts.query, max_num_fields=100)}
    except ValueError as error:
        raise _Wrong(f"{link[:100]!r} is no link") from error
    path = [unquote(part) for part in parts.path.split("/") if part]
    if path[:-1] == ["discount"]:  # a shop's own address of a discount code
        return "redeem", path[-1]
    code = next((query[name] for name in _IN_LINK if query.get(name)), path[-1] if path else "")
    if not code:
        raise _Wrong(f"{link[:100]!r} carries no code: take it out, or give the whole link")
    return "vanity", code


def _count(cell: str) -> int:
    digits = cell.replace(",", "").replace(" ", "").removesuffix(".0")
    if digits and not (digits.isascii() and digits.isdigit() and int(digits) <= _MOST):
        raise _Wrong(f"{cell!r} is no number of friends")
    return int(digits or 0)


def _time(cell: str) -> datetime | None:
    if not cell:
        return None
    try:
        at = datetime.fromisoformat(cell)
    except ValueError as error:
        raise _Wrong(f"enrolled_at: {cell!r} is no time; write it such as 2026-05-20T12:00:00Z") from error
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


# ── What the lines say together ──────────────────────────────────────────────────────────────────────────────────


def _joined(entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], list[Flaw]]:
    """One entry for each person; a code stays with the first who has it."""
    people: dict[str, Entry] = {}
    owners: dict[str, Entry] = {}
    flaws = []
    for entry in entries:
        first = people.setdefault(normal(EMAIL, entry.email), entry)
        held = {code for code in _all(entry) if owners.setdefault(code, first).line != first.line}
        flaws += [
            Flaw(
                entry.line,
                f"code {code!r} is that of {owners[code].email} in line {owners[code].line}, and stays there",
            )
            for code in sorted(held)
        ]
        people[normal(EMAIL, entry.email)] = _both(first, _without(entry, held))
    return tuple(people.values()), flaws


def _all(entry: Entry) -> tuple[str, ...]:
    return (*filter(None, [entry.minted]), *entry.vanity, *entry.redeem)


def _without(entry: Entry, held: set[str]) -> Entry:
    return replace(
        entry,
        minted="" if entry.minted in held else entry.minted,
        vanity=tuple(code for code in entry.vanity if code not in held),
        redeem=tuple(code for code in entry.redeem if code not in held),
    )


def _both(first: Entry, other: Entry) -> Entry:
    """Two lines about one person; on the first line of somebody, both are the same."""
    if first.line == other.line:
        return other
    return replace(
        first,
        name=first.name or other.name,
        minted=first.minted or other.minted,
        vanity=tuple(dict.fromkeys((*first.vanity, *other.vanity))),
        redeem=tuple(dict.fromkeys((*first.redeem, *other.redeem))),
        groups=first.groups | other.groups,
        brought=max(first.brought, other.brought),
    )


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def write(rows: Iterable[tuple[str, Mapping[str, Any]]], public_url: str) -> Iterator[str]:
    """Lines of a list that reads the same again. rows: each advocate's address, and what the roster says of them."""
    yield lines.line(HEADERS)
    for email, row in rows:
        told = {
            "email": email,
            "minted_code": row["code"],
            "vanity_codes": BETWEEN.join(row["vanity"]),
            "redeem_codes": BETWEEN.join(row["redeem"]),
            "groups": BETWEEN.join(row["groups"]),
            "enrolled_by": row["way"],
            "enrolled_from": row["source"],
            "enrolled_at": row["enrolled_at"].astimezone(UTC).isoformat(),
            "friends_before": str(row["brought"]),
            "link": f"{public_url.rstrip('/')}/r/{row['code']}",
        }
        yield lines.line(told[header] for header in HEADERS)
