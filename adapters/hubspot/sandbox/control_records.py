"""Control requests about records: what people, forms and imports do in a portal."""

from __future__ import annotations

from adapters.hubspot.sandbox.answers import Json
from adapters.hubspot.sandbox.clock import iso
from adapters.hubspot.sandbox.desk import Desk, Route
from adapters.hubspot.sandbox.hand import Hand
from adapters.hubspot.sandbox.kinds import CONTACT, Kind
from adapters.hubspot.sandbox.state import By, Record


class RecordDesk(Desk):
    def routes(self) -> list[Route]:
        return [
            ("POST", "contacts", lambda d: self.add({**d, "type": "contacts"})),
            ("POST", "deals", lambda d: self.add({**d, "type": "deals"})),
            ("POST", "objects", self.add),
            ("POST", "save", self.save),
            ("POST", "associate", self.associate),
            ("POST", "merge", self.merge),
            ("POST", "delete", lambda d: self.end(d, "delete")),
            ("POST", "restore", lambda d: self.end(d, "restore")),
            ("POST", "privacy_delete", lambda d: self.end(d, "erase")),
            ("POST", "form", self.form),
        ]

    def add(self, data: Json) -> Json:
        with self.world.lock:
            portal = self.portal(data)
            kind, hand = self.kind(portal, str(data["type"])), self.hand(portal, data)
            record = hand.create(kind, _texts(data.get("properties", {})))
            for name in ("contacts", "deals", "invoices", "companies"):
                for number in data.get(name, []):
                    hand.associate(record, self.record(portal, {"type": name, "id": number}))
            self.tell(data, hand)
            return {"id": record.id}

    def save(self, data: Json) -> Json:
        """A person saves a record."""
        with self.world.lock:
            portal = self.portal(data)
            record, hand = self.record(portal, data), self.hand(portal, data)
            hand.update(record, _texts(data["properties"]))
            self.tell(data, hand)
            return {"id": record.id, "updatedAt": iso(record.updated_at)}

    def associate(self, data: Json) -> Json:
        with self.world.lock:
            portal = self.portal(data)
            source, target = self.record(portal, data["from"]), self.record(portal, data["to"])
            if source is target:
                raise ValueError("a record cannot be associated to itself")
            hand, types = self.hand(portal, data), self._types(source, target, data)
            if data.get("remove"):
                hand.separate(source, target, types)
            else:
                hand.associate(source, target, types)
            self.tell(data, hand)
            return {}

    def _types(self, source: Record, target: Record, data: Json) -> list[int]:
        if not data.get("label"):
            return []
        labels = self.portal(data).labels.values()
        pair = (source.kind.id, target.kind.id)
        found = [x.type_id for x in labels if (x.source, x.target) == pair and x.label == data["label"]]
        if not found:
            raise ValueError(f"there is no label {data['label']!r} from {pair[0]} to {pair[1]}")
        return found

    def merge(self, data: Json) -> Json:
        with self.world.lock:
            portal = self.portal(data)
            named = {"type": data.get("type", "contacts")}
            primary = self.record(portal, {**named, "id": data["primary"]})
            others = [self.record(portal, {**named, "id": number}) for number in data["others"]]
            hand = self.hand(portal, data)
            into = hand.merge(primary, others, fresh=bool(data.get("fresh_id")))
            self.tell(data, hand)
            return {"id": into.id}

    def end(self, data: Json, verb: str) -> Json:
        with self.world.lock:
            portal = self.portal(data)
            record, hand = self.record(portal, data), self.hand(portal, data)
            {"delete": hand.delete, "restore": hand.restore, "erase": hand.erase}[verb](record)
            self.tell(data, hand)
            return {"id": record.id}

    def form(self, data: Json) -> Json:
        """Somebody submits a form: the contact of this address is changed or made, and the page is remembered."""
        with self.world.lock:
            portal = self.portal(data)
            kind, email = self.kind(portal, CONTACT), str(data["email"]).lower()
            form = By("FORM", str(data.get("form_id", "6ba7b810-9dad-11d1-80b4-00c04fd430c8")))
            hand = Hand(portal, self.book, form, self.moment(data))
            values = {**_texts(data.get("fields", {})), **self._visit(kind, data, hand)}
            record = portal.by_property(kind, "email", email)
            if record is None:
                record = hand.create(kind, {"email": email, **values})
            else:
                hand.update(record, values)
            self.tell(data, hand)
            return {"id": record.id}

    def _visit(self, kind: Kind, data: Json, hand: Hand) -> dict[str, str]:
        """What HubSpot's tracking notes of a submission; a first page stays the first."""
        page, now = str(data.get("page_uri", "")), iso(hand.at)
        known = hand.portal.by_property(kind, "email", str(data["email"]).lower())
        told = {"recent_conversion_date": now, "recent_conversion_event_name": str(data.get("form", "Contact us"))}
        if page:
            told |= {"hs_analytics_last_url": page, "hs_analytics_last_timestamp": now}
        if page and (known is None or not known.value("hs_analytics_first_url")):
            told |= {"hs_analytics_first_url": page, "hs_analytics_first_timestamp": now}
        return told


def _texts(properties: Json) -> dict[str, str]:
    """Numbers may be given as such."""
    return {name: "" if value is None else str(value) for name, value in properties.items()}
