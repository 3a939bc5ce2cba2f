"""Money: whatever the wire or the platform does, the answer is classified by what may be done next, and the book agrees.

NotDone, Refused and Gone promise that nothing happened; only the stand-in's own book can say whether that is true.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from connector.domain.money import Money
from connector.errors import (
    Gone,
    Late,
    NotDone,
    PlatformError,
    Refused,
    Throttled,
    TokenExpired,
    Unavailable,
    Unknown,
)
from connector.ports.platform import Absent, Direction, Done, EffectClass, Holding, Undecidable
from tests.adapters.conformance.driver import (
    CURRENCY,
    Bench,
    OnTime,
    TooLate,
    Variant,
    bench,
    variants,
)
from tests.adapters.conformance.wire import Answer, Broken, Request, Trouble

#: The effect classes that have cases below.
CLASSES = frozenset(EffectClass)
VARIANTS = variants()

HTML = Answer(200, b"<!DOCTYPE html><html><body>Try again later.</body></html>", {"Content-Type": "text/html"})


def says(status: int, body: bytes = b'{"errors": "no"}', **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"Content-Type": "application/json"} | named)


def before(told: Answer | Broken) -> Trouble:
    return Trouble(effect=False, told=told)


def after(told: Answer | Broken) -> Trouble:
    return Trouble(effect=True, told=told)


#: Each trouble, and the classes that may come of it.
MATRIX: dict[str, tuple[Trouble, tuple[type[PlatformError], ...]]] = {
    "429": (before(says(429, retry_after="3")), (Throttled,)),
    "429 odd wait": (before(says(429, retry_after="soon")), (Throttled,)),
    "401": (before(says(401)), (TokenExpired,)),
    "401 html": (before(replace(HTML, status=401)), (TokenExpired,)),
    "403": (before(says(403)), (Refused,)),
    "404": (before(says(404)), (Gone, Refused)),
    "409": (before(says(409)), (Refused,)),
    "422": (before(says(422)), (Refused,)),
    **{f"{status} before": (before(says(status)), (Unknown,)) for status in (408, 500, 502, 503, 504)},
    **{f"{status} after": (after(replace(HTML, status=status)), (Unknown,)) for status in (408, 500, 502, 503, 504)},
    "silence before": (before(Broken.SILENT), (Unknown,)),
    "silence after": (after(Broken.SILENT), (Unknown,)),
    "reset before": (before(Broken.RESET), (Unknown,)),
    "reset after": (after(Broken.RESET), (Unknown,)),
    "half body": (after(Broken.HALF), (Unknown,)),
    "html 200 before": (before(HTML), (Unknown,)),
    "html 200 after": (after(HTML), (Unknown,)),
    "empty 200 before": (before(says(200, b"")), (Unknown,)),
    "empty 200 after": (after(says(200, b"")), (Unknown,)),
    "empty 204 after": (after(says(204, b"")), (Unknown,)),
    "202 after": (after(says(202, b"{}")), (Unknown,)),
    "redirect": (before(says(302, b"", location="https://evil.example/")), (Unknown, Refused)),
    **{
        f"200 {text[:12]!r}": (after(says(200, text)), (Unknown,))
        for text in (b"{}", b"[]", b"null", b"7", b'{"data": null}', b'{"data": {}}', b'{"errors": []}', b"[" * 100_000)
    },
    "200 not utf-8": (after(says(200, b'{"data": "\xff"}')), (Unknown,)),
}


@pytest.fixture(scope="module")
def benches() -> Iterator[dict[str, Bench]]:
    opened = {}
    contexts = {key: bench(key) for key in {variant.platform for variant in VARIANTS}}
    for key, context in contexts.items():
        opened[key] = context.__enter__()
    yield opened
    for context in contexts.values():
        context.__exit__(None, None, None)


@pytest.fixture
def here(benches: dict[str, Bench], variant: Variant) -> Bench:
    benches[variant.platform].wire.clear()
    return benches[variant.platform]


def of(*classes: EffectClass) -> pytest.MarkDecorator:
    """The variants of these effect classes on all platforms."""
    return pytest.mark.parametrize(
        "variant", variants(*classes) or [pytest.param(None, marks=pytest.mark.skip("no platform has one"))], ids=str
    )


def sends(here: Bench, variant: Variant) -> int:
    return here.wire.asked(lambda request: here.driver.is_send(request, variant.operation))


def strike(here: Bench, variant: Variant, trouble: Trouble) -> None:
    here.wire.strike(lambda request: here.driver.is_send(request, variant.operation), trouble)


@of()
def test_a_movement_lands_once_and_shows_in_the_balance(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    held = here.balance(effect, effect.holder)
    book, asked = here.driver.effects(variant.operation), sends(here, variant)
    done = here.out.issue(here.account, effect, OnTime())
    assert done.transaction and done.holder
    assert here.driver.effects(variant.operation)[len(book) :] == [effect.amount.minor]
    assert sends(here, variant) == asked + 1
    sign = 1 if variant.operation.direction is Direction.CREDIT else -1
    now = here.balance(effect, done.holder)
    assert now == held + Money(sign * effect.amount.minor, CURRENCY)


@of()
def test_after_the_deadline_nothing_leaves(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    book, asked = here.driver.effects(variant.operation), len(here.wire.calls)
    with pytest.raises(Late):
        here.out.issue(here.account, effect, TooLate())
    here.wire.settle()
    assert (here.driver.effects(variant.operation), len(here.wire.calls)) == (book, asked)


@of()
@pytest.mark.parametrize("name", MATRIX)
def test_every_answer_says_what_may_be_done_next_and_is_asked_for_once(
    here: Bench, variant: Variant, name: str
) -> None:
    trouble, expected = MATRIX[name]
    effect = here.effect(variant)
    book, asked = here.driver.effects(variant.operation), sends(here, variant)
    strike(here, variant, trouble)
    out = here.hasty if trouble.told is Broken.SILENT else here.out
    with pytest.raises(PlatformError) as raised:
        out.issue(here.account, effect, OnTime())
    here.wire.settle()
    landed = len(here.driver.effects(variant.operation)) - len(book)
    assert isinstance(raised.value, expected), (name, repr(raised.value))
    assert landed == int(trouble.effect)
    assert not landed or not isinstance(raised.value, NotDone | Refused | Gone)
    assert sends(here, variant) == asked + 1
    assert raised.value.platform == variant.platform
    settle(here, variant, effect, landed, book)


def settle(here: Bench, variant: Variant, effect: object, landed: int, book: list[int]) -> None:
    """Read back as the journey does: what its class promises must now end in exactly one effect."""
    finding = here.find(effect)  # type: ignore[arg-type]
    if variant.effect_class is EffectClass.D:
        assert isinstance(finding, Undecidable)
        return
    assert isinstance(finding, Done if landed else Absent), finding
    if isinstance(finding, Absent):
        here.out.issue(here.account, effect, OnTime())  # type: ignore[arg-type]
    assert len(here.driver.effects(variant.operation)) == len(book) + 1
    assert isinstance(here.find(effect), Done)  # type: ignore[arg-type]


@of()
def test_errors_beside_a_success_leave_it_open(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    book = here.driver.effects(variant.operation)
    if not here.driver.partly(variant.operation):
        pytest.skip("this platform never answers a single movement with a success and an error at once")
    with pytest.raises(Unknown):
        here.out.issue(here.account, effect, OnTime())
    settle(here, variant, effect, len(here.driver.effects(variant.operation)) - len(book), book)


@of()
def test_a_platform_that_cannot_be_reached_did_nothing(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    away = here.adapter.outbound(here.kit("http://127.0.0.1:9"))
    with pytest.raises(Unavailable):
        away.issue(here.account, effect, OnTime())


@of()
def test_a_throttle_never_asks_to_wait_for_nothing_or_forever(here: Bench, variant: Variant) -> None:
    for wait in ("3", "-5", "1e9", "nan", "soon", ""):
        strike(here, variant, before(says(429, retry_after=wait)))
        with pytest.raises(Throttled) as raised:
            here.out.issue(here.account, here.effect(variant), OnTime())
        assert raised.value.wait_s is not None and 0 < raised.value.wait_s <= 3600, wait


@of()
def test_money_for_nobody_is_refused(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    book = here.driver.effects(variant.operation)
    nobody = replace(effect, owner=f"{effect.owner}9", holder=effect.holder and f"{effect.holder}9")
    with pytest.raises((Refused, Gone)):
        here.out.issue(here.account, nobody, OnTime())
    assert here.driver.effects(variant.operation) == book


@of()
@pytest.mark.parametrize("name", [name for name in MATRIX if "silence" not in name])
def test_a_read_that_fails_is_no_lost_effect_and_tells_nothing_certain(
    here: Bench, variant: Variant, name: str
) -> None:
    effect = here.effect(variant)
    done = here.out.issue(here.account, effect, OnTime())
    told = MATRIX[name][0].told
    reads: list[Callable[[], object]] = [lambda: here.balance(effect, done.holder)]
    if variant.effect_class is not EffectClass.D:
        reads.append(lambda: here.find(effect))
    for read in reads:
        here.wire.clear()
        here.wire.strike(lambda _: True, Trouble(effect=True, told=told))
        with pytest.raises((NotDone, Refused, Gone)) as raised:
            read()
        assert not isinstance(raised.value, Unknown)
    here.wire.settle()


# ── What each effect class promises ──────────────────────────────────────────────────────────────────────────────


@of(EffectClass.A, EffectClass.B)
def test_sent_twice_it_has_one_effect(here: Bench, variant: Variant) -> None:
    """The key is the marker: a second attempt is another effect with the same marker."""
    effect = here.effect(variant)
    book = here.driver.effects(variant.operation)
    first = here.out.issue(here.account, effect, OnTime())
    later = replace(effect, id=uuid4(), since=effect.since + timedelta(seconds=1))
    second = here.out.issue(here.account, later, OnTime())
    assert (second.transaction, second.holder) == (first.transaction, first.holder)
    assert here.driver.effects(variant.operation)[len(book) :] == [effect.amount.minor]
    other = here.out.issue(here.account, here.another(variant, effect), OnTime())
    assert other.transaction != first.transaction


@of(EffectClass.A, EffectClass.B, EffectClass.C)
def test_a_repeat_after_any_lost_answer_ends_in_one_effect(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    book = here.driver.effects(variant.operation)
    for trouble in (before(Broken.RESET), after(Broken.RESET), after(HTML)):
        if isinstance(here.find(effect), Done):
            break
        strike(here, variant, trouble)
        with pytest.raises(Unknown):
            here.out.issue(here.account, effect, OnTime())
    assert isinstance(here.find(effect), Done)
    assert len(here.driver.effects(variant.operation)) == len(book) + 1


@of(EffectClass.A, EffectClass.B, EffectClass.C)
def test_only_our_own_movement_is_adopted(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    here.out.issue(here.account, here.another(variant, effect), OnTime())
    assert isinstance(here.find(effect), Absent)
    mine = here.out.issue(here.account, effect, OnTime())
    found = here.find(effect)
    assert isinstance(found, Done) and found.transaction == mine.transaction


@of(EffectClass.C)
def test_two_movements_that_look_like_ours_are_left_to_a_person(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    first, second = (here.out.issue(here.account, effect, OnTime()) for _ in range(2))
    assert isinstance(here.find(effect), Undecidable)
    found = here.find(effect, first.transaction)
    assert isinstance(found, Done) and found.transaction == second.transaction
    assert isinstance(here.find(effect, first.transaction, second.transaction), Absent)


@of(EffectClass.C)
def test_the_same_mark_on_another_amount_is_not_ours(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    here.out.issue(here.account, replace(effect, amount=Money(effect.amount.minor + 1, CURRENCY)), OnTime())
    assert not isinstance(here.find(effect), Done)


@of(EffectClass.D)
def test_without_a_mark_no_machine_ever_claims_to_know(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    assert isinstance(here.find(effect), Undecidable)
    done = here.out.issue(here.account, effect, OnTime())
    assert isinstance(here.find(effect), Undecidable)
    assert isinstance(here.find(effect, done.transaction), Undecidable)


# ── What is left of a credit ─────────────────────────────────────────────────────────────────────────────────────

CREDITS = [variant for variant in VARIANTS if variant.operation.direction is Direction.CREDIT]


@pytest.mark.parametrize("variant", CREDITS, ids=str)
def test_what_was_spent_of_a_credit_shows_in_what_remains(here: Bench, variant: Variant) -> None:
    """Else the merchant's books would carry a debt for ever that nobody can claim any more."""
    effect = here.effect(variant)
    done = here.out.issue(here.account, effect, OnTime())
    holding = Holding(effect.capability, done.transaction, done.holder, effect.amount, effect.expires_at)
    (whole,) = here.out.remains(here.account, [holding])
    assert (whole.holding, whole.left, whole.ended, whole.closed) == (holding, effect.amount, False, False)
    here.driver.spend(holding, effect.amount)
    (spent,) = here.out.remains(here.account, [holding])
    assert spent.left == Money.zero(CURRENCY)


@pytest.mark.parametrize("variant", CREDITS, ids=str)
def test_a_credit_that_the_platform_forgot_is_no_credit_of_zero(here: Bench, variant: Variant) -> None:
    effect = here.effect(variant)
    gone = Holding(effect.capability, f"{effect.owner}9", f"{effect.owner}9", effect.amount)
    (told,) = here.out.remains(here.account, [gone])
    assert told.left is None


def test_the_wire_tells_each_request_from_the_others() -> None:
    """A suite whose troubles never strike would pass for any adapter."""
    assert Request("POST", "/", {}, b"") == Request("POST", "/", {}, b"")
    assert {trouble.effect for trouble, _ in MATRIX.values()} == {True, False}
