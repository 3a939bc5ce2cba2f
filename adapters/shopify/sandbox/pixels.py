"""The root fields of the app's web pixel: one for a shop."""

from __future__ import annotations

import json
from typing import Any

from graphql import GraphQLError

from adapters.shopify.sandbox.part import Part, View, user_error
from adapters.shopify.sandbox.state import gid


class Pixels(Part):
    """The app's pixel on one shop."""

    def query_webPixel(self, _: Any, id: str | None = None) -> View:  # noqa: A002, N802 - the schema's names
        if not self.shop.pixel or (id and id != self._gid):
            raise GraphQLError("No web pixel was found for this app.", extensions={"code": "RESOURCE_NOT_FOUND"})
        return self._view()

    def change_webPixelCreate(self, _: Any, webPixel: View) -> View:  # noqa: N802, N803
        if self.shop.pixel:
            return _refused(user_error("TAKEN", ["webPixel"], "Web pixel is taken."))
        return self._set(webPixel)

    def change_webPixelUpdate(self, _: Any, id: str, webPixel: View) -> View:  # noqa: A002, N802, N803
        if not self.shop.pixel or id != self._gid:
            return _refused(user_error("NOT_FOUND", ["id"], "Pixel not found"))
        return self._set(webPixel)

    def _set(self, given: View) -> View:
        settings = given["settings"]
        self.shop.pixel = json.loads(settings) if isinstance(settings, str) else dict(settings)
        self.note("pixel", id=self._gid, owner=self.shop.domain, key="settings", value=json.dumps(self.shop.pixel))
        return {"webPixel": self._view(), "userErrors": []}

    @property
    def _gid(self) -> str:
        return gid("WebPixel", self.shop.id)

    def _view(self) -> View:
        return {"id": self._gid, "settings": json.dumps(self.shop.pixel)}


def _refused(error: View) -> View:
    return {"webPixel": None, "userErrors": [error]}
