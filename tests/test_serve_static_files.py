"""The page's own files and no others."""

import pytest
from serving import Client
from sockets import address, get, status, talk

from umurl_search.serve.server import Server


@pytest.mark.parametrize(
    "path",
    [
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "..\\app.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "",
        ".",
        "x/../../app.py",
        ".hidden.js",
        "index.html%00.js",
        "main.js/",
        "nothing.js",
        "views",
    ],
)
def test_no_file_but_the_pages_own(patient: Server, path: str) -> None:
    assert status(talk(address(patient), get(f"/assets/{path}"))) == 404


def test_the_page_and_what_every_answer_carries(client: Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for answer in (
        page,
        client.get("/api/health"),
        client.get("/nothing"),
        client.post("/api/query", content=b""),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-security-policy"] == policy
    again = client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
