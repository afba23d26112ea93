"""Addresses that the server binds, and which of them a browser opens."""

from umurl_search.serve.server import own_address


def test_addresses_that_stand_for_all_have_one_that_opens() -> None:
    wild = {"0.0.0.0": "127.0.0.1", "0": "127.0.0.1", "::": "::1", "0:0:0:0:0:0:0:0": "::1", "::0": "::1"}
    assert {host: own_address(host) for host in wild} == wild
    for host in ("127.0.0.1", "::1", "localhost", "10.0.0.1", "fe80::1", "all.example"):
        assert own_address(host) == host
