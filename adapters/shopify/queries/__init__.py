"""The GraphQL documents, each with the one field that it asks for and the points that it costs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from connector.errors import InvariantBroken

Json = Mapping[str, Any]

#: Points that one call asks for, and those it asks for each id: 10 a mutation, 1 an object, 2 a connection.
COSTS = {
    "orders": (0, 97),
    "glance": (0, 7),
    "refunds": (978, 0),
    "items": (978, 0),
    "person": (2, 0),
    "shop": (3, 0),
    "scopes": (12, 0),
    "chargebacks": (52, 0),
    "pixel": (1, 0),
    "pixel_create": (10, 0),
    "pixel_update": (10, 0),
    "credits_left": (0, 2),
    "gift_cards_left": (0, 2),
    "gift_card": (105, 0),
    "gift_card_by_code": (7, 0),
    "gift_card_create": (10, 0),
    "gift_card_debit": (10, 0),
    "gift_card_deactivate": (10, 0),
    "reward_code": (5, 0),
    "code_known": (1, 0),
    "reward_code_by_code": (5, 0),
    "reward_codes_left": (0, 5),
    "reward_code_create": (10, 0),
    "reward_code_update": (10, 0),
    "discount_deactivate": (10, 0),
    "offer_create": (10, 0),
    "offer_update": (10, 0),
    "offer_shipping_create": (10, 0),
    "offer_shipping_update": (10, 0),
    "offer_gift_create": (10, 0),
    "offer_gift_update": (10, 0),
    "offer_codes_add": (10, 0),
    "offer_codes_added": (1, 0),
    "offer_codes_failed": (503, 0),
    "history_start": (10, 0),
    "history": (1, 0),
    "credit_accounts": (23, 0),
    "credit_transactions": (103, 0),
    "credit": (10, 0),
    "debit": (10, 0),
    "metafields": (0, 28),
    "set_metafields": (10, 0),
    "flow_note": (2, 0),
    "flow_trigger": (10, 0),
}
_OPERATION = re.compile(
    r"^(?P<kind>query|mutation) \w+(?:\((?P<given>[^{]*)\))? \{\s*(?P<body>(?P<root>\w+).*?)\n\}$",
    re.MULTILINE | re.DOTALL,
)
_SPREAD = re.compile(r"\.\.\.(\w+)")


@dataclass(frozen=True)
class Document:
    """One GraphQL document of `queries/`. root: the one field that it asks for; body: all of it; given: its variables."""

    name: str
    text: str
    mutation: bool
    root: str
    given: str
    body: str

    def cost(self, variables: Json) -> float:
        base, each = COSTS[self.name]
        return base + each * len(variables.get("ids", ()))


@dataclass(frozen=True)
class Together:
    """Several documents as one, each with variables of its own. roots: the name of each one's field in the answer.

    Shopify carries out the mutations of one document one after another, as the GraphQL standard wants it, and goes on
    where one of them is refused.
    """

    name: str
    text: str
    mutation: bool
    roots: tuple[str, ...]
    variables: Json
    points: float

    def cost(self, _: Json) -> float:
        return self.points


def together(parts: Sequence[tuple[str, Json]]) -> Together:
    """These documents, all queries or all mutations and none with fragments, in this order."""
    documents = [document(name) for name, _ in parts]
    kind = "mutation" if documents[0].mutation else "query"
    given = ", ".join(_numbered(asked.given, place) for place, asked in enumerate(documents) if asked.given)
    body = "".join(f"  r{place}: {_numbered(asked.body, place)}\n" for place, asked in enumerate(documents))
    return Together(
        name="+".join(dict.fromkeys(asked.name for asked in documents)),
        text=f"{kind} Together({given}) {{\n{body}}}\n",
        mutation=documents[0].mutation,
        roots=tuple(f"r{place}" for place in range(len(parts))),
        variables={f"{name}_{place}": value for place, (_, more) in enumerate(parts) for name, value in more.items()},
        points=sum(asked.cost(more) for asked, (_, more) in zip(documents, parts, strict=True)),
    )


def _numbered(text: str, place: int) -> str:
    """With the variables that are this part's own."""
    return re.sub(r"\$(\w+)", rf"$\1_{place}", text)


@lru_cache
def document(name: str) -> Document:
    """The document `queries/NAME.graphql`, with the fragments that it spreads."""
    text = _file(f"{name}.graphql")
    text += "".join(f"\n{_file(f'fragments/{fragment}.graphql')}" for fragment in sorted(set(_SPREAD.findall(text))))
    head = _OPERATION.search(text)
    if head is None:
        raise InvariantBroken(f"queries/{name}.graphql holds no operation")
    return Document(name, text, head["kind"] == "mutation", head["root"], head["given"] or "", head["body"])


def _file(path: str) -> str:
    return resources.files(__package__).joinpath(path).read_text("utf-8")
