"""Fraud as evidence: each rule says what it saw in words and adds points; together they flag or block, never in silence.

A rule whose data nobody lets us see is shown as unavailable and adds nothing: what is not known is no suspicion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connector.domain.program import FraudRules
from connector.domain.words import days_words

MAILBOX, PHONE, ADDRESS, NETWORK = "mailbox", "phone", "address", "network"
FIRST_ORDER, REFERRER, GUESSES = "first_order", "referrer", "guesses"
#: Mail services that hand out addresses for an hour; a friend there may be anybody, as often as they like.
DISPOSABLE = frozenset(
    """10minutemail.com discard.email dispostable.com fakeinbox.com getairmail.com getnada.com grr.la guerrillamail.com
    guerrillamail.net inboxkitten.com mail-temp.com mailcatch.com maildrop.cc mailinator.com mailnesia.com mintemail.com
    moakt.com mohmal.com mytemp.email sharklasers.com spamgourmet.com temp-mail.io temp-mail.org tempail.com tempmail.dev
    tempmailo.com tempr.email throwawaymail.com trashmail.com yopmail.com yopmail.net""".split()
)
#: Where codes are published for everybody; a friend who comes from there was sent by nobody.
COUPON_SITES = frozenset(
    """couponbirds.com couponfollow.com coupons.com dealspotr.com dontpayfull.com groupon.com gutscheinsammler.de
    hotdeals.com joinhoney.com knoji.com mydealz.de mygutscheine.de offers.com promocodes.com rakuten.com retailmenot.com
    simplycodes.com slickdeals.net vouchercloud.com vouchercodes.co.uk wethrift.com""".split()
)


@dataclass(frozen=True)
class Evidence:
    """What is known about two people and their referral, without saying who they are.

    shared: kinds of marks that advocate and friend have in common. withheld: kinds of data that nobody lets us see.
    friend_domain: the friend's mail domain, where it is one that the rules name. by_advocate and by_network: friends of
    the same advocate, and from the same network, in the periods that the program names, this one included. guesses:
    wrong codes tried from the friend's network shortly before. refunded of converted: the advocate's other friends.
    """

    shared: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()
    friend_domain: str = ""
    first_order: bool | None = None
    by_advocate: int = 1
    by_network: int = 1
    guesses: int = 0
    referrers: frozenset[str] = frozenset()
    refunded: int = 0
    converted: int = 0


@dataclass(frozen=True)
class Signal:
    """What one rule found. words: what was seen, or why it cannot be looked at; points: what it adds."""

    rule: str
    fired: bool
    points: int
    words: str
    available: bool = True


@dataclass(frozen=True)
class Rule:
    """One thing to look at. needs: the data without which it cannot tell; see: words for what was seen, or ""."""

    name: str
    points: int
    needs: frozenset[str]
    see: Callable[[FraudRules, Evidence], str]


#: A ring is told from bad luck by no fewer friends than this.
RING_LEAST = 4


def _shares(kind: str, words: str) -> Callable[[FraudRules, Evidence], str]:
    return lambda _rules, seen: f"Advocate and friend have {words} in common." if kind in seen.shared else ""


def _existing(_rules: FraudRules, seen: Evidence) -> str:
    return "The friend had bought before." if seen.first_order is False else ""


def _disposable(_rules: FraudRules, seen: Evidence) -> str:
    throwaway = seen.friend_domain in DISPOSABLE
    return f"The friend's address is at {seen.friend_domain}, which gives addresses for an hour." if throwaway else ""


def _employee(rules: FraudRules, seen: Evidence) -> str:
    own = seen.friend_domain in rules.employees
    return f"The friend's address is at {seen.friend_domain}, one of your own domains." if own else ""


def _velocity(rules: FraudRules, seen: Evidence) -> str:
    many, days = seen.by_advocate > rules.velocity, days_words(rules.velocity_days)
    words = f"This is friend {seen.by_advocate} of the advocate within {days}; more than {rules.velocity} is unusual."
    return words if many else ""


def _network(rules: FraudRules, seen: Evidence) -> str:
    many, days = seen.by_network > rules.network, days_words(rules.network_days)
    words = f"{seen.by_network} friends came from one network within {days}; more than {rules.network} is unusual."
    return words if many else ""


def _coupon_site(rules: FraudRules, seen: Evidence) -> str:
    public = sorted(host for host in seen.referrers if _within(host, COUPON_SITES | rules.coupon_sites))
    return f"The friend came from {public[0]}, where codes are published for everybody." if public else ""


def _within(host: str, sites: frozenset[str]) -> bool:
    """Whether the host is one of the sites, or below one of them."""
    labels = host.casefold().split(".")
    return any(".".join(labels[start:]) in sites for start in range(len(labels)))


def _guessing(rules: FraudRules, seen: Evidence) -> str:
    many = seen.guesses > rules.guesses
    return f"{seen.guesses} wrong codes were tried from the friend's network shortly before." if many else ""


def _ring(rules: FraudRules, seen: Evidence) -> str:
    """Friends who buy, let the reward come, and send everything back."""
    enough = seen.converted >= RING_LEAST and 100 * seen.refunded >= rules.ring_percent * seen.converted
    return f"{seen.refunded} of the advocate's {seen.converted} friends sent everything back." if enough else ""


#: All rules there are. Only what points at one person with two names flags by itself; the rest adds up.
RULES: tuple[Rule, ...] = (
    Rule("same_mailbox", 100, frozenset({MAILBOX}), _shares(MAILBOX, "a mailbox, spelled in two ways,")),
    Rule("same_phone", 60, frozenset({PHONE}), _shares(PHONE, "a phone number")),
    Rule("same_address", 40, frozenset({ADDRESS}), _shares(ADDRESS, "a postal address")),
    Rule("same_network", 10, frozenset({NETWORK}), _shares(NETWORK, "a network")),
    Rule("existing_customer", 0, frozenset({FIRST_ORDER}), _existing),
    Rule("disposable_mail", 40, frozenset({MAILBOX}), _disposable),
    Rule("velocity", 20, frozenset(), _velocity),
    Rule("network", 20, frozenset({NETWORK}), _network),
    Rule("coupon_site", 50, frozenset({REFERRER}), _coupon_site),
    Rule("guessing", 40, frozenset({GUESSES}), _guessing),
    Rule("refund_ring", 50, frozenset(), _ring),
    Rule("employee", 50, frozenset({MAILBOX}), _employee),
)
NAMES: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


def assess(rules: FraudRules, seen: Evidence) -> tuple[Signal, ...]:
    """What every rule found, in their order; a rule of no points still says what it saw."""
    return tuple(_signal(rule, rules, seen) for rule in RULES)


def _signal(rule: Rule, rules: FraudRules, seen: Evidence) -> Signal:
    points = rules.points.get(rule.name, rule.points)
    if missing := sorted(rule.needs & seen.withheld):
        return Signal(
            rule.name, fired=False, points=0, words=f"No platform shows us: {', '.join(missing)}.", available=False
        )
    words = rule.see(rules, seen)
    return Signal(rule.name, fired=bool(words), points=points if words else 0, words=words or "Nothing of the kind.")


def score(signals: tuple[Signal, ...]) -> int:
    """All points together."""
    return sum(signal.points for signal in signals)


def told(signals: tuple[Signal, ...]) -> str:
    """What fired with any weight, in one paragraph."""
    return " ".join(signal.words for signal in signals if signal.fired and signal.points)
