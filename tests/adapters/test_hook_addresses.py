"""A receiver is anybody's word: nothing inside our own network is ever called for it."""

from __future__ import annotations

import socket
from typing import Any
from uuid import uuid4

import pytest

from adapters.http import Gate
from connector.errors import ConfigError, Refused, Rejected, Unavailable
from connector.hook import MANIFEST
from connector.hook.auth import HookAuth
from connector.hook.outbound import HookOutbound
from connector.ports.inbound import Inbox
from connector.ports.joining import Journey
from connector.ports.platform import Account
from connector.wiring import adapters

OWN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1",
    "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "2002:7f00:1::", "64:ff9b::a00:1", "2001:db8::1", "fe80::1%eth0",
]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("hooks.example.com/in", "https://hooks.example.com/in"),
        ("https://Hooks.Example.COM", "https://hooks.example.com/"),
        (" https://a-b.example.co.uk:443/In?key=A%20b ", "https://a-b.example.co.uk/In?key=A%20b"),
        ("https://xn--bcher-kva.example/x", "https://xn--bcher-kva.example/x"),
    ],
)
def test_an_address_has_one_form(typed: str, kept: str) -> None:
    assert HookAuth().check_account(typed) == kept
    assert HookAuth().check_account(kept) == kept


@pytest.mark.parametrize(
    "wrong",
    [
        "", "http://hooks.example.com/", "ftp://hooks.example.com/", "https://", "https://localhost/", "https://hooks/",
        "https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://0x7f.1/", "https://127.1/",
        "https://10.0.0.1.:443/", "https://me@hooks.example.com/", "https://me:secret@hooks.example.com/",
        "https://hooks.example.com:8443/", "https://hooks.example.com:0/", "https://hooks.example.com:x/",
        "https://hooks.example.com/#part", "https://hooks.example.com/ä", "https://hooks.example.com/a b",
        "https://hooks.example.com/a\nb", "https://db.internal/", "https://printer.local/", "https://a.localhost/",
        "https://hooks.example.com\\@10.0.0.1/", "https://hooks.example.com%2f@10.0.0.1/", "https://-a.example.com/",
        "https://hooks..example.com/", "https://hooks.example.com./", "https://hooks_.example.com/", "file:///etc/passwd",
        "https://hooks.example.com/" + "a" * 1000, "https://" + "a." * 130 + "com/", "https://[::1/",
    ],
)  # fmt: skip
def test_what_is_no_public_address_is_refused_with_the_reason(wrong: str) -> None:
    with pytest.raises(ConfigError, match="is no receiver: "):
        HookAuth().check_account(wrong)
    with pytest.raises(ConfigError):
        HookAuth().own(wrong, OWN)


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have names lead where a test says, one answer for each look-up; the hosts that were looked up."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def lookup(host: str, port: int, *more: Any, **also: Any) -> Any:
        if not host[0].isalpha():
            return real(host, port, *more, **also)
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return asked


def send(timeout_s: float = 2.0, base_url: str = "") -> None:
    gate = Gate(MANIFEST.key, MANIFEST.hosts, base_url, timeout_s=timeout_s, public=True)
    account = Account(uuid4(), MANIFEST.key, "https://hooks.example.com/in", OWN)
    HookOutbound(gate).send(account, uuid4(), b"{}")


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("beside", [[], ["93.184.215.14"]])
def test_a_name_that_leads_inside_is_not_called(
    monkeypatch: pytest.MonkeyPatch, address: str, beside: list[str]
) -> None:
    resolving(monkeypatch, [*beside, address])
    with pytest.raises(Refused, match="no address of the public internet"):
        send()


def test_a_name_that_leads_elsewhere_when_it_is_looked_up_again_is_called_where_it_was_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second answer is never asked for, so that a change between look and call gains nothing."""
    asked = resolving(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    reached: list[str] = []

    def connect(address: tuple[str, int], *_more: Any, **_also: Any) -> socket.socket:
        reached.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    with pytest.raises(Unavailable):
        send()
    assert (asked, reached) == (["hooks.example.com"], ["8.8.8.8"])


def test_all_addresses_of_a_name_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["2606:4700::1", "8.8.8.8"])
    reached: list[str] = []

    def connect(address: tuple[str, int], *_more: Any, **_also: Any) -> socket.socket:
        reached.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    with pytest.raises(Unavailable):
        send()
    assert reached == ["2606:4700::1", "8.8.8.8"]


def test_a_name_that_nobody_knows_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_told: Any, **_more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(Unavailable, match="gaierror"):
        send()


def test_nothing_that_claims_to_come_from_a_receiver_is_believed() -> None:
    hook = adapters()[MANIFEST.key]
    inbox = Inbox("POST", "/webhooks/hook", {}, b"{}")
    with pytest.raises(Rejected):
        hook.inbound.receive(inbox, [""])
    with pytest.raises(Rejected):
        hook.inbound.visitor(inbox, [""])
    for ask in (HookAuth().arrive, HookAuth().accept):
        with pytest.raises(Rejected):
            ask({}, Journey("state", "verifier", "https://example.com"))
