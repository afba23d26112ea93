"""Connections that are held open for nothing are cut off, over real sockets."""

import contextlib
import socket
import time

from serving import PATIENCE_S
from sockets import IMPATIENT, address, assert_serves, get, talk

from umurl_search.serve.server import Server


def test_headers_that_do_not_end_are_cut_off(server: Server) -> None:
    assert talk(address(server), *[b"GET / HT", *[b"T"] * 12], pause_s=0.1) == b""
    assert_serves(address(server))


def test_a_connection_that_says_nothing_is_cut_off(server: Server) -> None:
    assert talk(address(server)) == b""


def test_idle_connections_make_room_for_others(server: Server) -> None:
    idle = [socket.create_connection(address(server)) for _ in range(3 * IMPATIENT.connections)]
    try:
        assert_serves(address(server))
        for one in idle:
            one.settimeout(PATIENCE_S)
            with contextlib.suppress(ConnectionError):
                assert one.recv(1) == b""
    finally:
        for one in idle:
            one.close()


def test_an_answer_that_nobody_reads_is_dropped(server: Server) -> None:
    with socket.create_connection(address(server)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(40):
            with contextlib.suppress(ConnectionError):
                deaf.sendall(get("/openapi.json").replace(b"Connection: close\r\n", b""))
        assert_serves(address(server))
        deadline = time.monotonic() + PATIENCE_S
        while server._server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not server._server.server_state.connections
