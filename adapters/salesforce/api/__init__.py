"""The only place that calls Salesforce: one call at a time, in one pinned version, and never more than the org can spare."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from adapters.answers import Json, parse
from adapters.http import Gate, Reply, shaped_by
from adapters.plain import part, rows, text_of
from adapters.salesforce import MANIFEST
from adapters.salesforce.api import sdk
from adapters.salesforce.api.answers import SETUP, Problem, Told, by_code, classify, problem, token_refused
from adapters.salesforce.api.seat import Seat
from connector.errors import ConfigError, Refused, Unavailable, Unknown
from connector.ports.platform import Account, Guard, Kit

__all__ = ["BATCH", "SETUP", "Client", "Item", "Problem", "shaped"]

#: Records of one call ("sObject Collections").
BATCH = 200
#: Pages of one query, far above any that we ask for.
MAX_PAGES = 100
#: Of an org's calls of a day, this part is never ours: its other apps and its people need them too.
SPARED = 0.1
_DAY_S = 86_400.0
_USAGE = re.compile(r"api-usage=([0-9]{1,12})/([0-9]{1,12})")
_TOKENS = "/services/oauth2/token"

#: A read whose answer has a shape that Salesforce does not document did not succeed: it may be tried again.
shaped = shaped_by(MANIFEST.key, MANIFEST.label)


@dataclass(frozen=True)
class Item:
    """What became of one record of a call: its id and whether it is new, or why not."""

    id: str = ""
    created: bool = False
    problem: Problem | None = None


@dataclass(frozen=True)
class Client:
    """Calls one org at a time; keeps nothing between calls."""

    kit: Kit

    @cached_property
    def gate(self) -> Gate:
        kit = self.kit
        return Gate(MANIFEST.key, MANIFEST.hosts, kit.base_url, kit.proxy, kit.timeout_s)

    @property
    def base(self) -> str:
        """What replaces every host of Salesforce's, "" for nothing."""
        return self.kit.base_url.rstrip("/")

    # ── Calls ───────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, account: Account, method: str, path: str, *, operation: str, empty: bool = False, **more: Any) -> Any:
        """One call below the API version; what a success says. empty: 204 is the success. more: as `_ask` takes it."""
        return classify(self._ask(account, method, path, operation=operation, **more), empty=empty)

    def _ask(
        self, account: Account, method: str, path: str, *, operation: str, changes: bool = False, **more: Any
    ) -> Told:
        """One call, and its answer. changes: whether a lost answer leaves it open. more: body, params, headers, guard."""
        self.kit.meter.take(account.connection, 1)
        seat = Seat.parse(account.token)
        try:
            reply = sdk.ask(self.gate, seat, self.base, method, path, operation=operation, **more)
        except Unknown as error:
            if changes:
                raise
            # A read has no effect, so a lost answer to it is no more than a failed try.
            raise Unavailable(error.reason, platform=MANIFEST.key, operation=operation) from error
        self._learn(account, reply)
        return Told(reply, operation, changes)

    def _learn(self, account: Account, reply: Reply) -> None:
        """Every answer says how many of the org's calls of 24 hours are used, by whomever."""
        told = _USAGE.search(reply.headers.get("sforce-limit-info", ""))
        if told and (limit := int(told[2])):
            most = limit * (1 - SPARED)
            left = most - int(told[1])
            self.kit.meter.learn(account.connection, available=left, maximum=most, per_second=most / _DAY_S, back=0)

    # ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────

    def query(self, account: Account, soql: str, *, operation: str, deleted: bool = False) -> Sequence[Json]:
        """All records of one query. deleted: those in the recycle bin too."""
        path = "queryAll" if deleted else "query"
        answer = self.run(account, "GET", path, operation=operation, params={"q": soql})
        return self._all(account, answer, operation)

    def queries(
        self, account: Account, soqls: Mapping[str, str], *, operation: str, deleted: bool = False
    ) -> Mapping[str, Sequence[Json]]:
        """Up to five queries in one call, by names of ours. deleted: records in the recycle bin too."""
        if len(soqls) == 1:
            ((name, soql),) = soqls.items()
            return {name: self.query(account, soql, operation=operation, deleted=deleted)}
        base = f"/services/data/v{MANIFEST.api_version}/{'queryAll' if deleted else 'query'}"
        asked = [
            {"method": "GET", "url": f"{base}?{urlencode({'q': soql})}", "referenceId": name}
            for name, soql in soqls.items()
        ]
        body = {"allOrNone": False, "compositeRequest": asked}
        told = self._ask(account, "POST", "composite", operation=operation, body=body)
        found = dict[str, Sequence[Json]]()
        for row in rows(classify(told)["compositeResponse"]):
            name = text_of(row["referenceId"])
            alone = Told(_as_reply(row, told.reply), operation, changes=False)
            found[name] = self._all(account, classify(alone), operation)
        return {name: found[name] for name in soqls}

    def _all(self, account: Account, answer: Json, operation: str) -> Sequence[Json]:
        found = [*rows(answer["records"])]
        for _ in range(MAX_PAGES):
            if answer["done"] is True:
                return found
            further = text_of(answer["nextRecordsUrl"]).rpartition("/")[2]
            path = f"query/{quote(further, safe='')}"
            answer = self.run(account, "GET", path, operation=operation)
            found += rows(answer["records"])
        raise Unavailable("a query has more pages than it can have", platform=MANIFEST.key, operation=operation)

    def describe(self, account: Account, kind: str) -> Json:
        """What the org says of one kind of object, to our user. Raises Refused where there is none for us."""
        told: Json = self.run(account, "GET", f"sobjects/{quote(kind, safe='')}/describe", operation="describe")
        return told

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def save(
        self,
        account: Account,
        records: Sequence[Json],
        *,
        operation: str,
        key: str = "",
        kind: str = "",
        effect: Guard | None = None,
        exact: bool = False,
    ) -> Sequence[Item]:
        """Update up to 200 records by their ids, or make and update such of one kind by a key; each with its own end.

        Duplicate rules that only warn let us pass. Raises for the call as a whole, and where Salesforce says of an item
        what it means for all of them. exact: that nothing was done is only said where no record was written.
        """
        path = f"composite/sobjects/{kind}/{key}" if key else "composite/sobjects"
        return self._many(account, "PATCH", path, records, exact=exact, operation=operation, guard=effect)

    def create(self, account: Account, records: Sequence[Json], *, operation: str) -> Sequence[Item]:
        """Make up to 200 records that are told apart by rules of the org's own; each with its own end."""
        return self._many(account, "POST", "composite/sobjects", records, operation=operation)

    def _many(
        self, account: Account, method: str, path: str, records: Sequence[Json], *, exact: bool = False, **more: Any
    ) -> Sequence[Item]:
        body = {"allOrNone": False, "records": list(records)}
        header = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
        told = self._ask(account, method, path, changes=True, body=body, headers=header, **more)
        answer = classify(told)
        if not isinstance(answer, list) or len(answer) != len(records):
            raise told.uncertain("a success that does not speak of every record")
        items = [_item(part(row), told) for row in answer]
        error = next((error for item in items if item.problem and (error := by_code(item.problem, told))), None)
        if error is not None and exact and any(item.problem is None for item in items):
            raise told.uncertain(f"a part was written before this: {error.reason}")
        if error is not None:
            raise error
        return items

    # ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def token(self, host: str, form: Mapping[str, str]) -> Json:
        """One request for a token. Raises Gone where what it rests on is no longer honoured."""
        reply = self._form(host, _TOKENS, {"client_id": self.key, **form}, "token")
        told = Told(reply, "token", changes=False)
        if reply.status != 200:  # noqa: PLR2004
            raise token_refused(told)
        answer = parse(reply)
        if answer is None:
            raise told.uncertain("the answer to a token request cannot be read")
        return answer

    def revoke(self, host: str, token: str) -> None:
        """End a token and all that rests on it; one that ended already is as good."""
        reply = self._form(host, "/services/oauth2/revoke", {"token": token}, "revoke")
        if reply.status not in (200, 400):
            raise token_refused(Told(reply, "revoke", changes=False))

    def _form(self, host: str, path: str, form: Mapping[str, str], operation: str) -> Reply:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        url, body = f"{self.base or host}{path}", urlencode(form).encode()
        try:
            return self.gate.send("POST", url, operation=operation, headers=headers, body=body)
        except Unknown as error:
            raise Unavailable(error.reason, platform=MANIFEST.key, operation=operation) from error

    def plain(self, account: Account, method: str, path: str, *, operation: str, **more: Any) -> Reply:
        """A call outside the versioned API, answered as it comes."""
        self.kit.meter.take(account.connection, 1)
        seat = Seat.parse(account.token)
        headers = {"Authorization": f"Bearer {seat.token}", **more.pop("headers", {})}
        try:
            url = f"{self.base or seat.url}{path}"
            return self.gate.send(method, url, operation=operation, headers=headers, **more)
        except Unknown as error:
            raise Unavailable(error.reason, platform=MANIFEST.key, operation=operation) from error

    def read(self, reply: Reply, operation: str) -> Json:
        """The object that such an answer holds; every other answer raises."""
        answer = classify(Told(reply, operation, changes=False))
        if not isinstance(answer, dict):
            raise Told(reply, operation, changes=False).uncertain("an answer of another shape")
        return answer

    @property
    def key(self) -> str:
        return self._setting(MANIFEST.app_key)

    @property
    def secret(self) -> str:
        """The secret of today; while one is renewed, both stand there."""
        return self._setting(MANIFEST.app_secret).split(",")[0]

    def _setting(self, name: str) -> str:
        value = self.kit.settings.get(name)
        if not value:
            raise ConfigError([f"{name} is not set: take it from the external client app's settings in Salesforce"])
        return value


def _as_reply(row: Json, whole: Reply) -> Reply:
    """One part of a composite answer as if it had come alone."""
    body, status = row.get("body"), row.get("httpStatusCode")
    return Reply(status if isinstance(status, int) else 500, whole.headers, sdk.encoded(body))


def _item(row: Json, told: Told) -> Item:
    if row.get("success") is True:
        return Item(text_of(row.get("id")), row.get("created") is True)
    first = next(iter(rows(row.get("errors"))), None)
    if first is None:
        raise told.uncertain("an item that neither succeeded nor says why")
    return Item(problem=problem(first))


def refused(found: Problem, operation: str) -> Refused:
    """The error that one item is."""
    return Refused(found.words, code=found.code, platform=MANIFEST.key, operation=operation)
