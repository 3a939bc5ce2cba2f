"""What an adapter is: every platform folder is held to this suite by its name alone.

A capability or an effect class that is declared and has no cases here fails, so that nothing is promised untested.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters import Adapter, discover
from adapters.http import Gate
from connector.domain.program import EVENTS
from connector.errors import ConfigError, Refused
from connector.journey.desk import Timing
from connector.mapping import load_all
from connector.ports.platform import Capability, EffectClass, Manifest, Operation
from tests.adapters import test_conformance_money as money
from tests.adapters import test_conformance_records as records
from tests.adapters.conformance.driver import CASES, bench, load

ADAPTERS = discover()
every_platform = pytest.mark.parametrize("key", sorted(ADAPTERS))


def uncovered(manifest: Manifest) -> list[str]:
    """What a platform declares and no case of this suite holds it to."""
    found = [f"no cases for the capability {c}" for c in sorted(manifest.capabilities) if c not in CASES]
    for operation in manifest.operations:
        if operation.capability not in manifest.capabilities:
            found.append(f"{operation.direction} of {operation.capability}: the capability is not declared")
        if CASES.get(operation.capability) == "told":  # moves no money of ours: each platform's own tests hold it
            continue
        if CASES.get(operation.capability) != "money":
            found.append(f"no cases for {operation.direction} of {operation.capability}")
        unheld = {operation.effect, operation.effect_with_expiry or operation.effect} - money.CLASSES
        found += [f"no cases for effect class {effect}" for effect in sorted(unheld)]
    held = {(v.platform, v.operation) for v in money.VARIANTS}
    found += [
        f"{o.capability} {o.direction} is never tried"
        for o in manifest.operations
        if (manifest.key, o) not in held and CASES.get(o.capability) != "told"
    ]
    if Capability.RECORD in manifest.capabilities and manifest.key not in records.PLATFORMS:
        found.append("records are never written")
    return found


@every_platform
def test_whatever_a_platform_declares_has_its_cases(key: str) -> None:
    assert uncovered(ADAPTERS[key].manifest) == []
    assert load(key)


def test_a_declared_capability_or_operation_without_cases_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(CASES, Capability.EVENT)
    manifest = next(iter(ADAPTERS.values())).manifest
    assert uncovered(replace(manifest, capabilities=manifest.capabilities | {Capability.EVENT})) == [
        "no cases for the capability event"
    ]
    more = Operation(Capability.EVENT, manifest.operations[0].direction, EffectClass.A)
    assert len(uncovered(replace(manifest, operations=(*manifest.operations, more)))) == 3
    with pytest.raises(AssertionError, match=r"conformance/acme\.py is missing"):
        load("acme")


@every_platform
def test_the_folder_is_found_by_its_own_key(key: str) -> None:
    adapter = ADAPTERS[key]
    assert adapter.package == f"adapters.{key}"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", key)
    assert adapter.manifest.label.strip() and adapter.manifest.api_version.strip()


@every_platform
def test_each_operation_is_declared_once_and_never_worse_with_an_expiry(key: str) -> None:
    operations = ADAPTERS[key].manifest.operations
    names = [(o.capability, o.direction) for o in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert operation.effect_with_expiry is None or operation.effect_with_expiry < operation.effect
        assert operation.effect_for(None) is operation.effect
        assert operation.effect_for(datetime.now(UTC)) is (operation.effect_with_expiry or operation.effect)


@every_platform
def test_settings_are_named_after_the_platform_and_the_secret_is_kept_out_of_sight(key: str) -> None:
    manifest = ADAPTERS[key].manifest
    settings = {setting.name: setting for setting in manifest.settings}
    assert len(settings) == len(manifest.settings)
    assert {manifest.app_key, manifest.app_secret, manifest.url_setting} <= set(settings)
    assert manifest.url_setting == f"{key.upper()}_URL"
    assert settings[manifest.app_secret].secret
    assert all(name.startswith(f"{key.upper()}_") and setting.help for name, setting in settings.items())


@every_platform
def test_a_merchant_is_told_why_each_scope_is_asked_for(key: str) -> None:
    scopes = ADAPTERS[key].manifest.scopes
    assert len({scope.name for scope in scopes}) == len(scopes)
    assert [scope.name for scope in scopes if len(scope.why.split()) < 3] == []


@every_platform
def test_batches_move_and_a_doubt_outlasts_a_call(key: str) -> None:
    manifest = ADAPTERS[key].manifest
    assert min(manifest.read_batch, manifest.look_batch, manifest.write_batch) > 0
    assert (manifest.tell_batch > 0) == (Capability.EVENT in manifest.capabilities)
    assert manifest.quiet >= Timing().call
    assert manifest.quiet < timedelta(hours=1)
    assert manifest.person_kind in manifest.object_kinds
    assert manifest.qualifying <= set(EVENTS)


@every_platform
def test_the_mapping_speaks_of_kinds_that_the_platform_has(key: str) -> None:
    mapping = load_all().get(key)
    assert mapping is not None
    assert set(mapping.records) <= ADAPTERS[key].manifest.object_kinds
    assert bool(mapping.records) == (Capability.RECORD in ADAPTERS[key].manifest.capabilities)


def evil_hosts(good: str) -> list[str]:
    """Names that look like the platform's to a careless pattern."""
    name, _, suffix = good.partition(".")
    return [
        "", "evil.com", "localhost", "127.0.0.1", "169.254.169.254", "[::1]", suffix, f".{suffix}", f"{good}.evil.com",
        f"evil.com/.{suffix}", f"evil.com/{good}", f"evil.com?{good}", f"evil.com#.{suffix}", f"evil.com\\.{suffix}",
        f"evil.com:443/.{suffix}", f"user@{good}", f"{good}@evil.com", f"{good}:80@evil.com", f"{good}:8443", f"{good}\n",
        f"{good}\x00", f" {good}", f"{good} ", f"{good}.", f"evil{suffix}", f"{name}-{suffix}", f"a.b.{suffix}",
        f"{name}{suffix.replace('.', 'x')}", f"{name}x{suffix.replace('.', 'x')}", good.replace(".", "。"), f"{name}\u0430.{suffix}",
        f"\uff41.{suffix}", f"\u0661.{suffix}", f"{name}%2eevil.com", f"{name}%00.{suffix}", f"-.{suffix}", f"{name}..{suffix}",
        f"{{shop}}.{suffix}", f"*.{suffix}", "evil.com/" + "a" * 9000 + f".{suffix}",
    ]  # fmt: skip


@every_platform
def test_calls_go_to_the_platforms_hosts_and_nowhere_else(key: str) -> None:
    manifest = ADAPTERS[key].manifest
    gate = Gate(key, manifest.hosts)
    good, account = load(key).host, load(key).account
    assert re.fullmatch(manifest.hosts, good) and re.fullmatch(manifest.accounts, account)
    gate.check(f"https://{good}/x")
    for evil in evil_hosts(good):
        assert re.fullmatch(manifest.hosts, evil) is None, evil
    for evil in evil_hosts(account):
        if evil == account:  # a number has no parts to swap
            continue
        assert re.fullmatch(manifest.accounts, evil) is None, evil
    for evil in (
        "evil.com",
        f"evil.com/.{good}",
        f"evil.com#{good}",
        f"{good}@evil.com",
        f"{good}:8443",
        f"{good}.evil.com",
    ):
        with pytest.raises(Refused):
            gate.check(f"https://{evil}/x")
    with pytest.raises(Refused):
        gate.check(f"http://{good}/x")


@every_platform
def test_nobody_can_be_made_to_join_an_account_outside_the_platform(key: str) -> None:
    with bench(key) as here:
        assert here.auth.check_account(f" {here.driver.account} ") == here.driver.account
        for evil in ("", "evil.com", f"evil.com/.{here.driver.account}", f"{here.driver.account}.evil.com", "é" * 500):
            with pytest.raises(ConfigError):
                here.auth.check_account(evil)


@every_platform
def test_a_token_is_proved_before_an_account_joins(key: str) -> None:
    with bench(key) as here:
        told = here.auth.probe(here.account)
        assert re.fullmatch(r"[A-Z]{3}", told["currency"])
        assert here.driver.token not in repr(here.account)


def test_a_platform_room_is_opened_only_by_those_who_go_there() -> None:
    """Naming platforms must stay cheap: a manifest that pulls in an SDK would slow every process down."""
    for key, adapter in ADAPTERS.items():
        source = Path(__file__).parents[2] / "adapters" / key / "__init__.py"
        assert isinstance(adapter, Adapter)
        assert not re.search(rf"import .*\b(api|auth|outbound)\b|from adapters\.{key}", source.read_text("utf-8"))
