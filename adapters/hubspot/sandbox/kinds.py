"""Kinds of records, their native properties and how they are associated without a label.

The properties are those of a real portal that the connector may meet, with the types and options of recorded answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from adapters.hubspot.sandbox.clock import iso

#: When HubSpot's own properties and pipelines came to be, as far as their answers tell.
EPOCH = datetime(2020, 6, 30, 15, 57, 37, 277000, UTC)
CONTACT, COMPANY, DEAL, TICKET, INVOICE, DISCOUNT = "0-1", "0-2", "0-3", "0-5", "0-53", "0-84"


@dataclass(frozen=True)
class Kind:
    """One kind of record: its id, its names, the family of its scopes, and what is shown without being asked for."""

    id: str
    plural: str
    singular: str
    scope: str
    shown: tuple[str, ...]
    modified: str = "hs_lastmodifieddate"
    full_name: str = ""

    @property
    def upper(self) -> str:
        return self.singular.upper()

    def answers_to(self, name: str) -> bool:
        return bool(name) and name.lower() in {self.id, self.plural, self.singular, self.full_name.lower()}


_PLAIN = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")
NATIVE = (
    Kind(
        CONTACT,
        "contacts",
        "contact",
        "contacts",
        ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
        "lastmodifieddate",
    ),
    Kind(
        COMPANY,
        "companies",
        "company",
        "companies",
        ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    ),
    Kind(
        DEAL,
        "deals",
        "deal",
        "deals",
        ("amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id",
         "pipeline"),
    ),
    Kind(TICKET, "tickets", "ticket", "tickets", ("createdate", "hs_lastmodifieddate", "hs_object_id", "subject")),
    Kind(INVOICE, "invoices", "invoice", "invoices", _PLAIN),
    Kind(DISCOUNT, "discounts", "discount", "discounts", _PLAIN),
)  # fmt: skip


def custom(number: int, portal: int, name: str) -> Kind:
    """A kind that a portal of the enterprise tier defined."""
    return Kind(f"2-{number}", name.lower(), name.lower(), "custom", _PLAIN, full_name=f"p{portal}_{name}")


@dataclass
class Property:
    """A property's definition; `options` are the values that it takes, empty for any."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    description: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
    unique: bool = False
    read_only: bool = False
    native: bool = False
    created_at: datetime = EPOCH
    updated_at: datetime = EPOCH
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self, *, dated: bool = True) -> dict[str, Any]:
        """As answers show it; the answer to a creation carries no dates."""
        dates = {"updatedAt": iso(self.updated_at), "createdAt": iso(self.created_at)} if dated else {}
        return {
            **dates,
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": self.options,
            "displayOrder": -1,
            "calculated": self.read_only and self.native,
            "externalOptions": False,
            "hasUniqueValue": self.unique,
            "hidden": False,
            **({"hubspotDefined": True} if self.native else {}),
            "modificationMetadata": {
                "archivable": not self.native,
                "readOnlyDefinition": self.native,
                "readOnlyValue": self.read_only,
            },
            "formField": not self.read_only,
            "dataSensitivity": "non_sensitive",
            **self.more,
        }


_SOURCES = (
    "ORGANIC_SEARCH PAID_SEARCH EMAIL_MARKETING SOCIAL_MEDIA REFERRALS OTHER_CAMPAIGNS DIRECT_TRAFFIC OFFLINE "
    "PAID_SOCIAL"
)
#: In the order in which a contact moves through them.
STAGES = ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist",
          "other")  # fmt: skip
_OPTIONS = {
    "lifecyclestage": " ".join(STAGES),
    "hs_lead_status": "NEW OPEN IN_PROGRESS OPEN_DEAL UNQUALIFIED ATTEMPTED_TO_CONTACT CONNECTED BAD_TIMING",
    "hs_analytics_source": _SOURCES,
    "hs_latest_source": _SOURCES,
    "hs_invoice_status": "draft open paid voided",
    "hs_type": "FIXED PERCENT",
    "hs_duration": "ONCE FOREVER",
}
_BOOLEAN = [
    {"label": w.title(), "value": w, "displayOrder": i, "hidden": False} for i, w in enumerate(["true", "false"])
]
_FIELD_TYPES = {"string": "text", "number": "number", "datetime": "date", "date": "date", "bool": "booleancheckbox",
                "enumeration": "select"}  # fmt: skip
_EVERY = (
    "hs_object_id!number hs_createdate!datetime hs_lastmodifieddate!datetime hs_merged_object_ids!string "
    "hs_object_source!string hs_object_source_id!string hs_object_source_label!string hubspot_owner_id:string "
)
#: NAME:TYPE for what may be written, NAME!TYPE for what is read-only.
_NATIVE = {
    CONTACT: "email:string firstname:string lastname:string phone:string mobilephone:string company:string "
    "website:string address:string city:string zip:string country:string lifecyclestage:enumeration "
    "hs_lead_status:enumeration hs_analytics_source:enumeration hs_latest_source:enumeration "
    "hs_analytics_source_data_1!string hs_analytics_source_data_2!string hs_analytics_first_url!string "
    "hs_analytics_last_url!string hs_analytics_first_referrer!string hs_analytics_last_referrer!string "
    "hs_analytics_first_timestamp!datetime hs_analytics_last_timestamp!datetime "
    "hs_lifecyclestage_lead_date!datetime hs_lifecyclestage_customer_date!datetime "
    "hs_latest_source_timestamp:datetime hs_google_click_id:string "
    "hs_facebook_click_id:string hs_legal_basis:string hs_email_optout!bool createdate!datetime "
    "lastmodifieddate!datetime hs_additional_emails!string num_associated_deals!number "
    "recent_conversion_date!datetime recent_conversion_event_name!string first_conversion_date!datetime "
    "first_conversion_event_name!string num_conversion_events!number hs_timezone:string message:string",
    COMPANY: "name:string domain:string createdate:datetime lifecyclestage:enumeration phone:string",
    DEAL: "dealname:string amount:number deal_currency_code:string dealstage:enumeration pipeline:enumeration "
    "closedate:datetime createdate:datetime dealtype:string description:string hs_is_closed_won!bool hs_is_closed!bool "
    "hs_deal_stage_probability!number num_associated_contacts!number amount_in_home_currency!number "
    "closed_lost_reason:string closed_won_reason:string hs_analytics_source!enumeration",
    TICKET: "subject:string content:string hs_pipeline:string hs_pipeline_stage:string createdate:datetime",
    INVOICE: "hs_title:string hs_number!string hs_invoice_status:enumeration hs_currency:string "
    "hs_amount_billed:number hs_balance_due:number hs_payment_date:datetime hs_invoice_date:datetime "
    "hs_due_date:datetime",
    DISCOUNT: "hs_label:string hs_type:enumeration hs_value:number hs_duration:enumeration hs_sort_order:number",
}  # fmt: skip


def native_properties(kind: str) -> dict[str, Property]:
    """HubSpot's own properties of this kind of records."""
    group = "contactinformation" if kind == CONTACT else f"{_names(kind)}information"
    words = (_EVERY + _NATIVE.get(kind, "")).split()
    return {p.name: p for p in (_parse(word, group) for word in words)}


def _names(kind: str) -> str:
    return next((k.singular for k in NATIVE if k.id == kind), "object")


def _parse(word: str, group: str) -> Property:
    name, _, kind = word.replace("!", ":").partition(":")
    options = [{"label": v.replace("_", " ").title(), "value": v, "displayOrder": i, "hidden": False}
               for i, v in enumerate(_OPTIONS.get(name, "").split())]  # fmt: skip
    return Property(
        name=name,
        label=name.removeprefix("hs_").replace("_", " ").title(),
        type=kind,
        field_type=_FIELD_TYPES[kind],
        group=group,
        options=[dict(o) for o in _BOOLEAN] if kind == "bool" else options,
        read_only="!" in word,
        native=True,
    )


#: The type ids of associations without a label, by the kinds that they lead from and to.
UNLABELED = {
    (CONTACT, CONTACT): 449, (COMPANY, COMPANY): 450, (DEAL, DEAL): 451, (CONTACT, COMPANY): 279,
    (COMPANY, CONTACT): 280, (CONTACT, DEAL): 4, (DEAL, CONTACT): 3, (CONTACT, TICKET): 15, (TICKET, CONTACT): 16,
    (DEAL, COMPANY): 341, (COMPANY, DEAL): 342, (DEAL, TICKET): 27, (TICKET, DEAL): 28, (CONTACT, INVOICE): 178,
    (INVOICE, CONTACT): 177, (INVOICE, DEAL): 175, (DEAL, INVOICE): 176, (DISCOUNT, INVOICE): 412,
    (INVOICE, DISCOUNT): 411,
}  # fmt: skip
