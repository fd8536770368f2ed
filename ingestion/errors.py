"""What can go wrong on the way in; every message says what, where and what to do."""

from __future__ import annotations


class IngestionError(Exception):
    """A delivery, a contract or a setting cannot be used; the message is for people."""


class ContractError(IngestionError):
    """A contract file holds something that the runner cannot wholly enforce."""


class DeliveryError(IngestionError):
    """A whole delivery is refused; nothing of it is loaded.

    Attributes:
        code: a stable id of the reason (`row_count`, `control_sum`, `hash`, `sequence_reused`, …).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SourceError(IngestionError):
    """A source system does not answer, or answers with something that is no delivery."""


class BrokenOffError(IngestionError):
    """A delivery broke off while it was taken; its connector delivers it again, or says why not."""


class VaultError(IngestionError):
    """The vault cannot be opened or the token is not in it."""
