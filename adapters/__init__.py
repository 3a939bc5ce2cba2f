"""Platforms: each folder here is one, found by its name.

Adding a platform is adding a folder and one file in `mappings/`; nothing else in the product is edited.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from connector.ports.inbound import Inbound
from connector.ports.joining import Auth
from connector.ports.platform import Kit, Manifest, Outbound


@dataclass(frozen=True)
class Adapter:
    """One platform. Its rooms are imported when first used, so that the web process never loads an SDK."""

    manifest: Manifest
    package: str

    @cached_property
    def inbound(self) -> Inbound:
        return cast("Inbound", importlib.import_module(f"{self.package}.inbound"))

    def auth(self, kit: Kit) -> Auth:
        return cast("Auth", importlib.import_module(f"{self.package}.auth").build(kit))

    def outbound(self, kit: Kit) -> Outbound:
        return cast("Outbound", importlib.import_module(f"{self.package}.outbound").build(kit))


def discover() -> dict[str, Adapter]:
    """Every platform folder by its key."""
    folders = (found(f"adapters.{module.name}") for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return {each.manifest.key: each for each in folders}


def found(package: str) -> Adapter:
    """The adapter whose rooms are in this package."""
    return Adapter(cast("Manifest", importlib.import_module(package).MANIFEST), package)
