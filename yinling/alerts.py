"""Alerts: a task failed after its last retry, and somebody must look."""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from ingestion.durable import write_json
from yinling.clock import SHANGHAI
from yinling.settings import Settings, load_settings

LOGGER = logging.getLogger(__name__)
WEBHOOK_SECONDS = 10


def raise_alert(settings: Settings, subject: str, message: str) -> Path:
    """Write the alert as a file under `<home>/alerts/` and post it to the webhook, if one is set.

    The file comes first: an alert is never lost because a chat server does not answer.
    Returns the file. The webhook's address comes from the environment variable that the setting
    `orchestration.alert_webhook_env` names; it gets JSON {"subject", "message", "at"}.
    """
    at = datetime.now(SHANGHAI)
    alert = {"subject": subject, "message": message, "at": at.isoformat(timespec="seconds")}
    stamp = f"{at:%Y%m%dT%H%M%S%f}"
    file = settings.home / "alerts" / f"{stamp}-{subject.replace('/', '_')}.json"
    write_json(file, alert)
    LOGGER.error("ALERT %s: %s (%s)", subject, message, file)
    name = settings.orchestration.alert_webhook_env
    address = os.environ.get(name, "") if name else ""
    if address:
        import httpx

        try:
            httpx.post(address, json=alert, timeout=WEBHOOK_SECONDS).raise_for_status()
        except httpx.HTTPError as error:
            LOGGER.error("The alert's webhook did not take it: %s. The file stays.", error)
    return file


def alert_once(settings: Settings, subject: str, message: str) -> Path | None:
    """The same, unless an alert with this subject and message is there already."""
    for file in (settings.home / "alerts").glob("*.json"):
        if _said(file) == (subject, message):
            return None
    return raise_alert(settings, subject, message)


def _said(file: Path) -> tuple[str, str] | None:
    """An alert's subject and message; None of a file that is none, which stops no other alert."""
    try:
        alert = json.loads(file.read_bytes())
        return alert["subject"], alert["message"]
    except (OSError, ValueError, KeyError, TypeError):
        LOGGER.warning("%s is no alert that can be read; it is passed over.", file)
        return None


def on_failure(context: Any) -> None:
    """Airflow's callback for a task that failed for good."""
    instance = context["task_instance"]
    subject = f"{instance.dag_id}/{instance.task_id}"
    raise_alert(load_settings(), subject, str(context.get("exception") or "failed"))
