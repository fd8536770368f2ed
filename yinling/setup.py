"""`yinling init`: a home folder to start from, with keys of its own."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from yinling.settings import default_home

EXAMPLE = """\
# Settings of this hub. Addresses and passwords stand in the environment, never in this file.
keep_releases = 5

[suppression]   # counts of persons below the threshold are withheld; 0 turns it off
officials = 5
open_data = 10

[quarantine]    # how long texts of refused rows are kept; which rows and why stays for good
keep_days = 730
max_mb = 20000

[resources]
threads = 2
memory_limit = "6GB"

[orchestration]
dbt_tasks = "each"               # or "one": the build as one task
# alert_webhook_env = "YINLING_ALERT_URL"

[crypto]                         # docs/how-to/keys-and-originals.md
vault = "aes-256-gcm"            # or "sm4-gcm"
tokens = "hmac-sha256"           # or "hmac-sm3"; fixed as soon as the first batch is in
keys = "environment"             # or "service": a key service instead of keys.env
# service_url = "https://kms.example.cn:8200/v1/secret/data/yinling"
# service_token_env = "YINLING_KMS_TOKEN"
# service_ca = "/etc/ssl/certs/bureau-ca.pem"

[reveal.roles]                   # who may see originals: role → accounts of this machine
auditor = ["*"]                  # "*": every account that may run the command
identity_repair = ["*"]

# A copy of the auditors' tables for another recipient, under tokens of its own:
#
# [purposes.yibao]
# recipient = "医疗保障局"
# legal_basis = "数据共享协议 2026-17"
# tables = ["finding", "exposure"]

# One block a dataset: how its deliveries travel. What they hold stands in ingestion/contracts/.
# Every channel and setting: docs/how-to/connect-a-source.md
#
# A folder that a department writes files into; without control records the names say what they are:
#
# [sources.facility]
# connector = "folder"
# path = "/srv/exchange/facility"
# name_pattern = "{dataset}_{provider}_{period}_{sequence}"
#
# A table or view in a department's PostgreSQL; the variable holds postgresql://user:password@host/db
#
# [sources.household_person]
# connector = "postgresql"
# uri_env = "YINLING_POLICE_URI"
# table = "exchange.household_person"
# provider = "gongan"
# mode = "increment"
# cursor = "updated_at"
#
# A REST service, and an SFTP account (first: yinling sftp-key cremation):
#
# [sources.subsidy_payment]
# connector = "rest"
# url = "https://share.example.gov.cn/v1/subsidy_payment"
# sign = "hmac-sm3"
# key_id_env = "YINLING_CIVIL_KEY_ID"
# key_secret_env = "YINLING_CIVIL_KEY"
# provider = "minzheng"
# mode = "increment"
# cursor = "paid_at"
#
# [sources.cremation]
# connector = "sftp"
# host = "sftp.example.gov.cn"
# user = "yinling"
# path = "/out/cremation"
# key_file_env = "YINLING_SFTP_KEY"
"""
KEYS = ("YINLING_TOKEN_KEY", "YINLING_VAULT_KEY")


def initialise(home: Path | None = None) -> list[Path]:
    """Make the folder, the settings file and the key file; what exists is left as it is.

    The keys go into `keys.env` (readable by the owner only). Losing the token key means landing
    everything again; losing the vault key means losing the originals.

    Returns:
        The files written.
    """
    folder = (home or default_home()).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    settings, keys = folder / "yinling.toml", folder / "keys.env"
    written: list[Path] = []
    if not settings.exists():
        settings.write_text(EXAMPLE, "utf-8")
        written.append(settings)
    if not keys.exists():
        text = "".join(f"export {name}={secrets.token_hex(32)}\n" for name in KEYS)
        with os.fdopen(os.open(keys, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as handle:
            handle.write(text)
        written.append(keys)
    return written
