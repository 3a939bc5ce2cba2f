"""Control requests about records: what people do in an org."""

from __future__ import annotations

from dataclasses import asdict

from adapters.salesforce.sandbox.answers import Json
from adapters.salesforce.sandbox.clock import stamp
from adapters.salesforce.sandbox.desk import Desk, Route
from adapters.salesforce.sandbox.lifecycle import convert, merge


class RecordDesk(Desk):
    def routes(self) -> list[Route]:
        return [
            ("POST", "records", self.add),
            ("POST", "save", self.save),
            ("POST", "delete", self.delete),
            ("POST", "undelete", self.undelete),
            ("POST", "convert", self.convert),
            ("POST", "merge", self.merge),
        ]

    def add(self, data: Json) -> Json:
        with self.world.lock:
            org = self.org(data)
            hand = self.hand(org, data)
            record = hand.create(self.kind(org, str(data["object"])), self.named(org, data.get("values", {})))
            self.done(data, hand)
            return {"id": record.id}

    def save(self, data: Json) -> Json:
        with self.world.lock:
            org = self.org(data)
            hand, record = self.hand(org, data), self.record(org, data["id"])
            hand.update(record, self.named(org, data["values"]))
            self.done(data, hand)
            return {"id": record.id, "SystemModstamp": stamp(record.values["SystemModstamp"])}

    def delete(self, data: Json) -> Json:
        with self.world.lock:
            org = self.org(data)
            hand, record = self.hand(org, data), self.record(org, data["id"])
            hand.delete(record)
            self.done(data, hand)
            return {"id": record.id}

    def undelete(self, data: Json) -> Json:
        with self.world.lock:
            org = self.org(data)
            hand, record = self.hand(org, data), self.record(org, data["id"])
            hand.undelete(record)
            self.done(data, hand)
            return {"id": record.id}

    def convert(self, data: Json) -> Json:
        with self.world.lock:
            org = self.org(data)
            hand, lead = self.hand(org, data), self.record(org, data["lead"])
            told = [str(data.get(name) or "") for name in ("contact", "account", "opportunity", "stage")]
            made = convert(hand, lead, *told)
            self.done(data, hand)
            return asdict(made)

    def merge(self, data: Json) -> Json:
        with self.world.lock:
            org = self.org(data)
            hand, winner = self.hand(org, data), self.record(org, data["winner"])
            losers = [self.record(org, number) for number in data["losers"]]
            merge(hand, winner, losers, self.named(org, data.get("values", {})))
            self.done(data, hand)
            return {"id": winner.id}
