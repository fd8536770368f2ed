"""Signed requests, as government data-sharing platforms ask for them.

Signed are, one a line: method, path, query, timestamp, nonce, hash of the body. The query is
sorted by name and value and percent-encoded (RFC 3986); the timestamp is milliseconds since 1970;
the nonce is never used twice. HMAC after RFC 2104 with SHA-256 or SM3 (GB/T 32905-2016); the
body's hash is of the same kind.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from cryptography.hazmat.primitives import hashes, hmac

DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {
    "hmac-sha256": hashes.SHA256,
    "hmac-sm3": hashes.SM3,
}


def canonical_query(query: str) -> str:
    """The query's pairs in order, each name and value percent-encoded."""
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def body_hash(algorithm: str, body: bytes) -> str:
    """The body's hash in hex."""
    digest = hashes.Hash(DIGESTS[algorithm]())
    digest.update(body)
    return digest.finalize().hex()


def signature(algorithm: str, key: str, *parts: str) -> str:
    """HMAC in hex over the parts, one a line."""
    seal = hmac.HMAC(key.encode(), DIGESTS[algorithm]())
    seal.update("\n".join(parts).encode())
    return seal.finalize().hex()


@dataclass(frozen=True)
class Signer:
    """Signs requests with one key.

    Attributes:
        algorithm: `hmac-sha256` or `hmac-sm3`.
    """

    algorithm: str
    key_id: str
    key: str

    def headers(self, method: str, url: str, body: bytes) -> dict[str, str]:
        """The headers of one request; every call has its own timestamp and nonce."""
        parts = urlsplit(url)
        stamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_hex(16)
        digest = body_hash(self.algorithm, body)
        signed = (method, parts.path or "/", canonical_query(parts.query), stamp, nonce, digest)
        return {
            "X-Key-Id": self.key_id,
            "X-Timestamp": stamp,
            "X-Nonce": nonce,
            "X-Content-Hash": digest,
            "X-Signature-Method": self.algorithm,
            "X-Signature": signature(self.algorithm, self.key, *signed),
        }
