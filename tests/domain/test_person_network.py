"""A network tells a household or an office, never one device, and nothing at all for what is nobody's address."""

import pytest

from connector.domain.person import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("8.8.8.8", "8.8.8.0/24"),
        (" 8.8.8.200 ", "8.8.8.0/24"),
        ("2001:4860:4860::8888", "2001:4860:4860::/48"),
        ("::ffff:8.8.8.8", "8.8.8.0/24"),
        ("10.0.0.1", ""),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("fe80::1", ""),
        ("224.0.0.251", ""),
        ("ff0e::1", ""),
        ("0.0.0.0", ""),
        ("somewhere", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_network_is_named_only_for_an_address_on_the_internet(address: str | None, network: str) -> None:
    assert network_of(address) == network
