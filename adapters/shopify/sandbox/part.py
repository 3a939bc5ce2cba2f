"""What the parts of the GraphQL root have in common: resolvers named query_FIELD and change_FIELD on one request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from adapters.shopify.sandbox.clock import graphql_time
from adapters.shopify.sandbox.scopes import guarded

if TYPE_CHECKING:
    from adapters.shopify.sandbox.book import Book
    from adapters.shopify.sandbox.state import Shop, World

View = dict[str, Any]
#: By kind of gid: the objects by number, and how one of them looks.
Stores = dict[str, tuple[dict[int, Any], Callable[[Any], View]]]


@dataclass(frozen=True)
class Part:
    """One request that is being answered, with the root fields of one subject."""

    world: World
    shop: Shop
    book: Book
    request: str
    names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.names = tuple(name for name in dir(cls) if name.startswith(("query_", "change_")))

    def fields(self) -> View:
        """The root fields by name, each behind the access scope it needs."""
        named = {name.partition("_")[2]: getattr(self, name) for name in self.names}
        return {name: guarded(self.shop.scopes, name, resolver) for name, resolver in named.items()}

    def stores(self) -> Stores:
        """What `node` finds of this subject."""
        return {}

    def note(self, kind: str, *, id: str, owner: str, key: str, value: str) -> None:  # noqa: A002 - the schema's name
        """Enter an effect that moves no money into the book."""
        self.book.written(
            kind,
            id=id,
            shop=self.shop.domain,
            request=self.request,
            at=graphql_time(self.world.clock.now()),
            owner=owner,
            key=key,
            value=value,
        )


def user_error(code: str | None, field: list[str] | tuple[str, ...] | None, message: str) -> View:
    return {"code": code, "field": list(field) if field else None, "message": message}
