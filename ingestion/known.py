"""What the hub has of a dataset already: its batches, and receipts of what it refused."""

from __future__ import annotations

import json
from typing import Any

from ingestion import receipts, register
from ingestion.contracts import Contract
from ingestion.delivery import Delivery
from yinling.settings import Settings


class Known:
    """Tells a delivery that is new from one that the hub has taken or refused.

    Attributes:
        batches: the dataset's deliveries as `register.deliveries` gives them.
        receipts: the folder of the dataset's receipts.
    """

    def __init__(self, settings: Settings, contract: Contract) -> None:
        self.contract = contract
        self.batches = register.deliveries(settings, contract.name)
        self.receipts = settings.receipts / contract.name
        self._hashes = dict(self.batches.select("batch_id", "sha256").iter_rows())

    def __contains__(self, batch_id: str) -> bool:
        return batch_id in self._hashes

    def add(self, delivery: Delivery) -> None:
        """The delivery has become a batch."""
        self._hashes[delivery.batch_id] = delivery.sha256

    def has(self, delivery: Delivery) -> bool:
        """Whether this very delivery was loaded, byte for byte, as its control record says."""
        landed = self._hashes.get(delivery.batch_id)
        if landed is None or landed != delivery.sha256:
            return False
        batches = self.batches.filter(batch_id=delivery.batch_id).rows(named=True)
        return all(delivery.fits(batch) for batch in batches)

    def receipt_name(self, delivery: Delivery) -> str:
        """Where the delivery's refusal is told; the receipt of what was loaded stays as it is."""
        if delivery.batch_id in self:
            return f"{delivery.batch_id}.refused-{delivery.sha256[:8]}.json"
        return f"{delivery.batch_id}.json"

    def refusal(self, delivery: Delivery) -> dict[str, Any] | None:
        """The receipt of this very delivery's refusal under the same contract."""
        path = self.receipts / self.receipt_name(delivery)
        if not delivery.control_sha256 or not path.exists():
            return None
        before: dict[str, Any] = json.loads(path.read_bytes())
        if before.get("reason") in receipts.OWN_FAULTS:
            return None
        told = {
            "status": "rejected",
            "sha256": delivery.sha256,
            "control_sha256": delivery.control_sha256,
            "contract_version": self.contract.version,
        }
        return before if all(before[key] == value for key, value in told.items()) else None
