"""Reads: the truth of contacts, deals and invoices, in HubSpot's own batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adapters.hubspot import MANIFEST
from adapters.hubspot.api import BATCH, HISTORY_BATCH, PATHS, VERSION, Client, Records, shaped
from adapters.hubspot.outbound import contacts, deals
from adapters.hubspot.outbound.portal import Portals, View
from adapters.hubspot.outbound.values import Json, whole
from adapters.plain import part, rows, text_of
from connector.domain.facts import DealReopened, ObjectRef
from connector.domain.person import EMAIL, normal
from connector.errors import Unavailable
from connector.ports.platform import Account, Glance, Truth, Wanted

#: HubSpot's numbers of the kinds, as associations name them.
TYPES = {"contact": "0-1", "deal": "0-3", "invoice": "0-53"}
#: Pages of one record's associations; nobody has so many contacts on a deal.
MAX_PAGES = 20
_OWN = {"deal": (deals.DEAL, deals.DEAL_HISTORY), "invoice": (deals.INVOICE, deals.INVOICE_HISTORY)}


@dataclass(frozen=True)
class Reads:
    """Records as they are now."""

    client: Client
    portals: Portals

    @shaped
    def fetch(self, account: Account, refs: Sequence[ObjectRef], wanted: Wanted) -> Sequence[Truth]:
        """The present truth of up to `read_batch` records; a deal or invoice with all contacts on it."""
        truths: dict[ObjectRef, Truth] = {}
        for kind in sorted({ref.kind for ref in refs}):
            mine = [ref for ref in refs if ref.kind == kind]
            if kind == "contact":
                truths |= self._contacts(account, mine, wanted.properties)
            else:
                truths |= self._with_contacts(account, kind, mine, wanted.properties)
        return [truths[ref] for ref in refs]

    def _contacts(self, account: Account, refs: Sequence[ObjectRef], wanted: frozenset[str]) -> dict[ObjectRef, Truth]:
        read = self._people(account, [ref.id for ref in refs], wanted)
        view = View(self.portals, account, read.at, wanted)
        return {ref: _truth(view, ref, read.found.get(ref.id), ()) for ref in refs}

    def _people(self, account: Account, ids: Sequence[str], wanted: frozenset[str]) -> Records:
        names = (*contacts.PROPERTIES, *sorted(wanted - set(contacts.PROPERTIES)))
        return self.client.read(account, "contact", ids, names, history=contacts.history_for(wanted))

    def _with_contacts(
        self, account: Account, kind: str, refs: Sequence[ObjectRef], wanted: frozenset[str]
    ) -> dict[ObjectRef, Truth]:
        own, past = _OWN[kind]
        names, history = (*own, *sorted(wanted - set(own))), (*past, *sorted(wanted - set(past)))
        read = self.client.read(account, kind, [ref.id for ref in refs], names, history=history)
        ids = self._associated(account, kind, list(read.found))
        people: dict[str, Json] = {}
        every = sorted({each for there in ids.values() for each in there})
        for start in range(0, len(every), HISTORY_BATCH):
            people |= self._people(account, every[start : start + HISTORY_BATCH], frozenset()).found
        gone = self._deleted(account, kind, [ref.id for ref in refs if ref.id not in read.found])
        view = View(self.portals, account, read.at, wanted)
        truths = {}
        for ref in refs:
            mine = [people[each] for each in ids.get(ref.id, ()) if each in people]
            truths[ref] = gone.get(ref) or _truth(view, ref, read.found.get(ref.id), mine)
        return truths

    def _deleted(self, account: Account, kind: str, ids: Sequence[str]) -> dict[ObjectRef, Truth]:
        """Deals that were deleted and can still be restored, which HubSpot keeps for 90 days."""
        if not ids or kind != "deal":
            return {}
        read = self.client.read(account, kind, ids, ("createdate",), archived=True)
        return {(ref := ObjectRef(kind, each)): deals.gone_deal(ref, read.at) for each in read.found}

    def _associated(self, account: Account, kind: str, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """The contacts of each record, whatever the association is called; none is a normal answer."""
        if not ids:
            return {}
        path = f"/crm/associations/{VERSION}/{TYPES[kind]}/{TYPES['contact']}/batch/read"
        found: dict[str, list[str]] = defaultdict(list)
        inputs = [{"id": each} for each in ids]
        for _ in range(MAX_PAGES):
            answer = self.client.run(account, "POST", path, operation=f"contacts_of_{kind}", body={"inputs": inputs})
            if not rows(answer["results"]) and not rows(answer.get("errors")):
                self._confirm_none(account, kind, inputs[0]["id"])
            inputs = []
            for row in rows(answer["results"]):
                one = text_of(row["from"]["id"])
                found[one] += [text_of(each["toObjectId"]) for each in rows(row["to"])]
                if after := whole(part(part(row.get("paging")).get("next")).get("after")):
                    inputs.append({"id": one, "after": after})
            if not inputs:
                break
        return found

    def _confirm_none(self, account: Account, kind: str, one: str) -> None:
        """An empty success says of nobody that they have none: ask for one alone. Raises Unavailable where it has some."""
        path = f"/crm/objects/{VERSION}/{PATHS[kind]}/{{id}}/associations/contacts"
        told = self.client.run(account, "GET", path, operation=f"contacts_of_one_{kind}", filled={"id": one})
        if rows(told["results"]):
            raise Unavailable("HubSpot answered a batch with nothing at all", platform=MANIFEST.key)

    @shaped
    def glance(self, account: Account, refs: Sequence[ObjectRef]) -> Sequence[Glance]:
        """Codes on records, or on the contacts of deals and invoices, up to `look_batch` in one call of each kind."""
        glances: dict[ObjectRef, Glance] = {}
        for kind in sorted({ref.kind for ref in refs}):
            ids = [ref.id for ref in refs if ref.kind == kind]
            names = (*contacts.EVIDENCE, contacts.OURS, "createdate")
            read = self.client.read(account, kind, ids, names if kind == "contact" else ("createdate",))
            people = {each: [record] for each, record in read.found.items()}
            if kind != "contact":
                people = self._people_of(account, kind, list(read.found), names)
            for each in ids:
                hints = contacts.hints_of(people.get(each, ()))
                there = each in read.found or kind == "deal"  # a deal that was deleted may have been won
                glances[ObjectRef(kind, each)] = Glance(ObjectRef(kind, each), there, read.at, hints)
        return [glances[ref] for ref in refs]

    def _people_of(
        self, account: Account, kind: str, ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, list[Json]]:
        links = self._associated(account, kind, ids)
        every = sorted({each for there in links.values() for each in there})
        people: dict[str, Json] = {}
        for start in range(0, len(every), BATCH):
            people |= self.client.read(account, "contact", every[start : start + BATCH], names).found
        return {each: [people[one] for one in there if one in people] for each, there in links.items()}

    def unheard(self, _account: Account) -> Sequence[ObjectRef]:
        """Nothing: HubSpot tells of everything that we read."""
        return ()

    @shaped
    def find_person(self, account: Account, email: str) -> ObjectRef | None:
        """The contact with this e-mail, be it a second one of theirs."""
        return self.find_people(account, [email]).get(normal(EMAIL, email))

    def find_people(self, account: Account, emails: Iterable[str]) -> Mapping[str, ObjectRef]:
        """The contacts with these addresses, in HubSpot's batches; by the address in its plain spelling."""
        wanted = sorted({normal(EMAIL, email) for email in emails if "@" in email.strip("@")})
        found: dict[str, ObjectRef] = {}
        for start in range(0, len(wanted), BATCH):
            names = ("email", "hs_additional_emails")
            read = self.client.read(account, "contact", wanted[start : start + BATCH], names, by="email")
            found |= {
                email: ObjectRef(MANIFEST.person_kind, str(record["id"]))
                for email, record in read.found.items()
                if email in contacts.emails_of(record)
            }
        return found


def _truth(view: View, ref: ObjectRef, record: Json | None, people: Sequence[Json]) -> Truth:
    """One record that cannot be read must not hold up the others that came with it."""
    if record is None:
        return Truth(ref, found=False)
    if str(record["id"]) != ref.id:
        return _merged(view, ref, record)
    try:
        if ref.kind == "contact":
            return contacts.contact_truth(view, ref, record)
        read = deals.invoice_truth if ref.kind == "invoice" else deals.deal_truth
        return read(view, ref, record, people)
    except (ValueError, KeyError, TypeError) as error:
        return Truth(ref, found=True, note=f"unreadable: {error}"[:200])


def _merged(view: View, ref: ObjectRef, record: Json) -> Truth:
    """What went into another record tells who somebody is, and nothing of its own any more: the other one tells that."""
    if ref.kind == "contact":
        return Truth(ref, found=True, as_of=view.at, buyer=tuple(contacts.marks_of(record)), note="merged")
    facts = (DealReopened(ref, view.at, view.at),) if ref.kind == "deal" else ()
    return Truth(ref, found=True, as_of=view.at, facts=facts, note="merged")
