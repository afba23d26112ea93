"""What the server counts."""

from serving import Client


def test_metrics(client: Client) -> None:
    client.post("/api/query", json={"clip": {"id": 7}})
    client.post("/api/query", json={"clip": "x"})
    client.get("/wp-login.php")
    lines = client.get("/metrics").text.splitlines()
    assert 'umurl_search_requests_total{method="POST",route="/api/query",status="200"} 1.0' in lines
    assert 'umurl_search_requests_total{method="POST",route="/api/query",status="400"} 1.0' in lines
    assert 'umurl_search_requests_total{method="GET",route="other",status="404"} 1.0' in lines
    assert 'umurl_search_request_seconds_count{route="/api/query"} 2.0' in lines
    (memory,) = (line for line in lines if line.startswith("umurl_search_resident_bytes "))
    assert float(memory.split()[1]) > 2**20
