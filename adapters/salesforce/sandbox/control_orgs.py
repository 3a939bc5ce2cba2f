"""Control requests about an org itself: its settings, the package in it, its tokens and its rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from adapters.salesforce.sandbox import ids, kinds, oauth, package
from adapters.salesforce.sandbox.answers import Json
from adapters.salesforce.sandbox.clock import whole
from adapters.salesforce.sandbox.desk import Desk, Route
from adapters.salesforce.sandbox.fields import parse
from adapters.salesforce.sandbox.licensed import licensed
from adapters.salesforce.sandbox.limits import Limits
from adapters.salesforce.sandbox.security import WITHHELD
from adapters.salesforce.sandbox.stages import Stage
from adapters.salesforce.sandbox.state import DuplicateRule, Org, Record, Rule
from adapters.salesforce.sandbox.tokens import Tokens

_SPELLINGS = ("duplicateResult", "duplicateResut")


class OrgDesk(Desk):
    def routes(self) -> list[Route]:
        return [
            ("POST", "orgs", self.add),
            ("POST", "orgs/update", self.update),
            ("POST", "install", self.install),
            ("POST", "uninstall", self.uninstall),
            ("POST", "authorize", self.authorize),
            ("POST", "tokens/expire", self.expire),
            ("POST", "tokens/revoke", self.revoke),
            ("POST", "fields", self.add_fields),
            ("POST", "security", self.withhold),
            ("POST", "rules", self.add_rule),
            ("DELETE", "rules", self.clear_rules),
            ("POST", "duplicate_rules", self.add_duplicate_rule),
            ("POST", "locks", self.lock),
            ("POST", "others", self.others),
        ]

    def add(self, data: Json) -> Json:
        """Tokens that are named here never end by themselves."""
        with self.world.lock:
            number = len(self.world.orgs) + 1
            org_id = ids.normal(str(data["org"])) if "org" in data else ids.made("00D", 0, number)
            if org_id in self.world.orgs or not org_id.startswith("00D"):
                raise ValueError(f"{org_id} is no id of a new org")
            currencies = tuple(data.get("currencies", ()))
            org = Org(
                id=org_id,
                number=number,
                name=str(data.get("name", "Anna's Tea House")),
                host=str(data.get("host", f"org{number}.my.salesforce.com")),
                currency=str(data.get("currency", "EUR")),
                currencies=currencies,
                zone=str(data.get("zone", "Europe/Berlin")),
                is_sandbox=bool(data.get("is_sandbox", False)),
                kinds=kinds.standard(currencies),
                limits=Limits(),
                tokens=Tokens(),
                client_id=str(data.get("client_id", "client")),
                client_secret=str(data.get("client_secret", "secret")),
            )
            self.world.orgs[org_id] = org
            self._people(org)
            if "package" in data:
                self._install(org, data["package"])
            self._change(org, data)
            token = str(data.get("token") or f"{org_id[:15]}!AQ{number}")
            org.tokens.access[token] = (org.app_user, None)
            if "refresh" in data:
                org.tokens.refresh[str(data["refresh"])] = (org.app_user, "api refresh_token")
            return {"org": org.id, "token": token, "host": org.host, "admin": org.admin, "user": org.app_user}

    def _people(self, org: Org) -> None:
        """What an org holds on its first day: itself, its admin, and the user that the app works as."""
        now = whole(self.world.clock.now())
        at = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), now)

        def made(kind: str, record_id: str, **held: Any) -> str:
            values = {**dict.fromkeys(org.kinds[kind].fields), "Id": record_id, "IsDeleted": False, **at, **held}
            org.records(kind)[record_id] = Record(kind, values)
            return record_id

        told = {"TimeZoneSidKey": org.zone, "LanguageLocaleKey": "en_US"}
        for attribute, first in (("admin", "Ada"), ("app_user", "Integration")):
            mail = f"{first.lower()}@{org.host}"
            person = {"FirstName": first, "LastName": "User", "Name": f"{first} User", "Email": mail, "Username": mail}
            setattr(
                org, attribute, made("User", org.new_id("005"), **told, **person, IsActive=True, UserType="Standard")
            )
        by = dict.fromkeys(("CreatedById", "LastModifiedById"), org.admin)
        kind = {"OrganizationType": "Enterprise Edition", "InstanceName": "EU1", "IsSandbox": org.is_sandbox}
        more = {"DefaultCurrencyIsoCode": org.currency} if org.multi_currency else {}
        made("Organization", org.id, Name=org.name, **told, **kind, **by, **more)
        for code in org.currencies:
            rate = {"ConversionRate": 1, "DecimalPlaces": 2, "IsActive": True, "IsCorporate": code == org.currency}
            made("CurrencyType", org.new_id("01L"), IsoCode=code, **rate, **by)

    def update(self, data: Json) -> Json:
        with self.world.lock:
            org = self.org(data)
            self._change(org, data)
            return {"org": org.id}

    def _change(self, org: Org, data: Json) -> None:
        for name in ("target", "public_key", "spelling"):
            setattr(org, name, str(data.get(name, getattr(org, name))))
        if org.spelling not in _SPELLINGS:
            raise ValueError(f"spelling must be one of {_SPELLINGS}, not {org.spelling!r}")
        for name in ("rotates", "consents", "tracks"):
            setattr(org, name, bool(data.get(name, getattr(org, name))))
        org.id_form = int(data.get("id_form", org.id_form))
        if "session_s" in data:
            org.session = timedelta(seconds=float(data["session_s"]))
        if "limit" in data:
            org.limits.most = int(data["limit"])
        if "stages" in data:
            org.stages = tuple(Stage(**row) for row in data["stages"])
        if "converts" in data:
            org.converts = {kind: self.named_pairs(org, pairs) for kind, pairs in data["converts"].items()}
        if "messages" in data:
            named = {self.kind(org, kind).name: fields for kind, fields in data["messages"].items()}
            org.messages = {kind: tuple(self.named(org, dict.fromkeys(fields))) for kind, fields in named.items()}
        org.refuses = str(data.get("refuses", org.refuses))
        org.lacks, org.busy = frozenset(data.get("lacks", org.lacks)), int(data.get("busy", org.busy))
        if "licences" in data:
            org.licences = frozenset(data["licences"])
            org.kinds |= licensed(org.licences)
        org.changed()

    def named_pairs(self, org: Org, pairs: Json) -> dict[str, str]:
        """Fields of a lead by those that they go on to."""
        return {next(iter(self.named(org, {k: 0}))): next(iter(self.named(org, {v: 0}))) for k, v in pairs.items()}

    # ── The package, fields and rights ──────────────────────────────────────────────────────────────────────────

    def install(self, data: Json) -> Json:
        with self.world.lock:
            org = self.org(data)
            self._install(org, data)
            return {"kinds": sorted(org.kinds)}

    def _install(self, org: Org, data: Json) -> None:
        """rights: `package` for a user with nothing but the package's own permission set, `all` for an admin's."""
        org.namespace = str(data.get("namespace", ""))
        org.kinds = package.install(org.kinds, org.namespace, org.currencies)
        org.rights = None if data.get("rights", "package") == "all" else package.rights(org.namespace)
        org.changed()

    def uninstall(self, data: Json) -> Json:
        """The app may do nothing here any more, and nobody tells it."""
        with self.world.lock:
            self.org(data).tokens.clear()
            return {}

    def add_fields(self, data: Json) -> Json:
        """Fields that an admin made, as lines of `fields`; no user but an admin sees them before rights are given."""
        with self.world.lock:
            org = self.org(data)
            kind = self.kind(org, str(data["object"]))
            org.kinds[kind.name] = kind.with_fields(*map(parse, data["lines"]))
            for name in (parse(line).name for line in data["lines"]):
                if org.rights is not None and data.get("granted", True):
                    org.rights.fields[kind.name, name] = frozenset({"read", "edit"})
                for record in org.records(kind.name).values():
                    record.values.setdefault(name, None)
            org.changed()
            return {"fields": sorted(org.kinds[kind.name].fields)}

    def withhold(self, data: Json) -> Json:
        with self.world.lock:
            org = self.org(data)
            kind = self.kind(org, str(data["object"]))
            name = next(iter(self.named(org, {str(data["field"]): 0})))
            verbs = frozenset(data.get("withhold", ()))
            if kind.find(name) is None or verbs - WITHHELD:
                raise ValueError(f"{kind.name} has no field {name}, or not all of {sorted(verbs)} can be withheld")
            org.withheld[kind.name, name] = verbs
            org.changed()
            return {}

    # ── Tokens and consent ──────────────────────────────────────────────────────────────────────────────────────

    def authorize(self, data: Json) -> Json:
        """The admin of this org is the next to say yes; with `url`, the consent page's, they do now, or decline."""
        with self.world.lock:
            self.world.consenting = self.org(data).id
            if "url" not in data:
                return {}
            url = urlsplit(str(data["url"]))
            declined = bool(data.get("decline"))
            reply = oauth.consent(self.world, dict(parse_qsl(url.query)), url.hostname or "", declined=declined)
            if reply.status != 302:  # noqa: PLR2004
                raise ValueError(str(reply.body))
            location = reply.headers["Location"]
            return {"location": location, **dict(parse_qsl(urlsplit(location).query))}

    def expire(self, data: Json) -> Json:
        """Every session ended just now; refresh tokens still work."""
        with self.world.lock:
            return {"expired": self.org(data).tokens.expire(self.world.clock.now())}

    def revoke(self, data: Json) -> Json:
        with self.world.lock:
            self.org(data).tokens.clear()
            return {}

    # ── What stands in the way ──────────────────────────────────────────────────────────────────────────────────

    def add_rule(self, data: Json) -> Json:
        with self.world.lock:
            org = self.org(data)
            kind = self.kind(org, str(data["object"]))
            name = next(iter(self.named(org, {str(data["field"]): 0})))
            message = str(data.get("message", f"{name} breaks a rule of this org"))
            required = bool(data.get("required"))
            org.rules.append(
                Rule(kind.name, name, message, str(data.get("matches", "")), required, str(data.get("shown", "")))
            )
            return {"rules": len(org.rules)}

    def clear_rules(self, data: Json) -> Json:
        with self.world.lock:
            self.org(data).rules.clear()
            self.org(data).duplicate_rules.clear()
            return {}

    def add_duplicate_rule(self, data: Json) -> Json:
        with self.world.lock:
            action = str(data.get("action", "alert"))
            if action not in {"alert", "block"} or data["object"] not in {"Lead", "Contact"}:
                raise ValueError("a duplicate rule is for Lead or Contact, and its action is alert or block")
            self.org(data).duplicate_rules.append(DuplicateRule(str(data["object"]), action))
            return {}

    def lock(self, data: Json) -> Json:
        """Somebody else holds a record for so many attempts to write it."""
        with self.world.lock:
            org = self.org(data)
            org.locks[self.record(org, data["id"]).id] = int(data.get("times", 1))
            return {}

    def others(self, data: Json) -> Json:
        """Other apps of the org made so many calls just now."""
        with self.world.lock:
            org, now = self.org(data), self.world.clock.now()
            org.limits.calls.append((now, int(data["calls"])))
            return {"used": org.limits.used(now)}
