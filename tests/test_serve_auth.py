"""Who may ask: hosts, origins, tokens."""

import pytest
from serving import Client, npy, problem
from sockets import address, get, status, talk

from umurl_search.library.library import Library
from umurl_search.serve.auth import Access, is_loopback
from umurl_search.serve.server import Server
from umurl_search.synthetic.demo_corpus import make_clip

QUERY = "S001C001P001R001A005"


def test_the_token_may_stand_in_the_address_of_any_request(indexed: Library) -> None:
    clip, sesame = npy(make_clip(QUERY)), {"token": "sesame"}
    with Client(indexed, access=Access(host="0.0.0.0", token="sesame")) as client:
        client.forget_cookies()
        assert client.send("x.npy", clip).status_code == 401
        assert client.send("x.npy", clip, **sesame).status_code == 200
        assert client.ask_with("x.npy", clip, **sesame).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "", "[::1", "192.168.0.1"])
def test_a_name_that_was_rebound_is_refused(patient: Server, host: str) -> None:
    assert status(talk(address(patient), get("/api/library", f"Host: {host}\r\n"))) in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"])
def test_names_of_this_machine_are_not(client: Client, host: str) -> None:
    assert client.get("/api/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_site_may_not_post(client: Client, headers: dict[str, str]) -> None:
    assert "another site" in problem(
        client.post("/api/query", json={"clip": {"id": 7}}, headers=headers), 403
    )


def test_the_page_itself_may_post(client: Client) -> None:
    headers = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/query", json={"clip": {"id": 7}}, headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_where_there_is_a_token_it_is_needed(indexed: Library, host: str) -> None:
    with Client(indexed, access=Access(host=host, token="sesame")) as client:
        for path in (
            "/",
            "/api/library",
            "/api/health",
            "/metrics",
            "/openapi.json",
            "/assets/main.js",
            "/nothing",
        ):
            assert "a token is needed" in problem(client.get(path), 401)
        for wrong in ("sesam", "sesame2", "", "é"):
            refused = client.get("/api/library", headers={"Authorization": f"Bearer {wrong}".encode()})
            assert refused.status_code == 401
        assert client.get("/api/library", headers={"Authorization": "Bearer sesame"}).status_code == 200
        arrived = client.get("/?token=sesame&view=map")
        assert (arrived.status_code, arrived.headers["location"]) == (303, "/?view=map")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(arrived.headers["set-cookie"].split("; "))
        assert client.get("/api/library").status_code == 200  # the cookie
        client.forget_cookies()
        for odd in (
            '{"json":1}; umurl-search=sesame',
            "a b=c; x[y]=1; umurl-search=sesame; z",
            "umurl-search=sesame",
        ):
            assert client.get("/api/library", headers={"Cookie": odd}).status_code == 200, odd
        assert (
            client.get("/api/library", headers={"Cookie": "other=sesame; umurl-search=no"}).status_code == 401
        )


def test_an_address_that_others_reach_has_a_token() -> None:
    with pytest.raises(ValueError, match="a token is needed"):
        Access(host="0.0.0.0")
    reached = {
        "127.0.0.1": True,
        "localhost": True,
        "::1": True,
        "127.8.9.1": True,
        "0.0.0.0": False,
        "": False,
    }
    assert {host: is_loopback(host) for host in reached} == reached
