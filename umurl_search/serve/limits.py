"""How much a client may ask of the server."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """searches, reads: threads that ask indexes, and that read clips and rows. wait_s: for one of them, bridge_s: for a
    bridge that is being fitted; then 503.

    headers_s: from a connection's opening, or the end of a keep-alive pause, to the end of a request's headers.
    json_s, body_s: for the body of JSON, and of a clip file. held_bytes: of bodies that are being received, all
    together. swallowed_bytes: of a body that is refused, so that the refusal is read.
    """

    body_bytes: int = 32 * MIB
    json_bytes: int = 2**16
    header_bytes: int = 2**14
    held_bytes: int = 256 * MIB
    swallowed_bytes: int = 64 * MIB
    headers_s: float = 10.0
    json_s: float = 10.0
    body_s: float = 25.0
    request_s: float = 30.0
    idle_s: int = 10
    connections: int = 512
    searches: int = 2
    reads: int = 2
    waiting: int = 512
    bridge_s: float = 5.0
    wait_s: float = 10.0
    uploads: int = 64
    upload_bytes: int = 128 * MIB
    jobs_waiting: int = 16
    jobs_kept: int = 32
