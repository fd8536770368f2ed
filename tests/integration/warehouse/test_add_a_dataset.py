"""docs/how-to/add-a-dataset.md on a scratch copy: a contract and a staging model, nothing else."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import duckdb

from tests.support.scratch import changed_files, copy_project, files_of, run
from yinling.settings import PROJECT_DIR

PAGE = PROJECT_DIR / "docs" / "how-to" / "add-a-dataset.md"
NEW = "voucher_redemption"
HEAD = "核销编号,身份证号,服务机构代码,服务类别,所属月份,核销日期,抵扣金额"
ROWS = (
    "V1,440524188001010014,F1,home,2026-09,2026-09-30,120.50",
    "V2,440524188001010014,F1,stay,2026-10,2026-10-02,300",
    "V3,440524188001010015,F1,stay,2026-10,2026-10-02,300",
)


def deliver(inbox: Path) -> None:
    """One file of a county with its control record: two sound rows, one with a wrong ID number."""
    inbox.mkdir(parents=True)
    data = "\n".join((HEAD, *ROWS, "")).encode()
    (inbox / "october.csv").write_bytes(data)
    control = {
        "provider": "370812",
        "dataset": NEW,
        "period": "2026-10",
        "mode": "full",
        "sequence": 1,
        "row_count": len(ROWS),
        "control_sums": {"amount": "720.50"},
        "sha256": hashlib.sha256(data).hexdigest(),
        "delivered_at": "2026-11-08T09:30:00",
        "legal_basis": "政务数据共享条例（国务院令第809号）",
    }
    (inbox / "october.csv.control.json").write_text(json.dumps(control), "utf-8")


def test_a_contract_and_a_staging_model_make_a_dataset(tmp_path: Path) -> None:
    scratch = copy_project(tmp_path / "project")
    blocks = files_of(PAGE)
    assert list(blocks) == [f"ingestion/contracts/{NEW}.yaml"]
    for path, text in blocks.items():
        (scratch / path).write_text(text, "utf-8")
    home = tmp_path / "home"
    deliver(home / "inbox" / NEW)
    source = f'[sources.{NEW}]\nconnector = "folder"\npath = "inbox/{NEW}"\n'
    assert all(line in PAGE.read_text("utf-8") for line in source.splitlines())
    (home / "yinling.toml").write_text(source, "utf-8")

    def yinling(*words: str) -> str:
        keys = {"YINLING_TOKEN_KEY": "11" * 32, "YINLING_VAULT_KEY": "22" * 32}
        command = [sys.executable, "-m", "yinling", *words]
        return run(command, scratch, YINLING_HOME=str(home), **keys)

    written = json.loads(yinling("render", "--staging", NEW, "--json"))
    landed = json.loads(yinling("land", NEW, "--json"))
    yinling("build", "--select", f"stg_{NEW}")

    staging = f"dbt_project/models/staging/service/stg_{NEW}"
    assert [Path(path).relative_to(scratch) for path in written] == [
        Path(f"{staging}.sql"),
        Path(f"{staging}.yml"),
    ]
    assert changed_files(scratch) == sorted([*blocks, f"{staging}.sql", f"{staging}.yml"])
    assert (landed["rows_loaded"], landed["rows_quarantined"]) == (2, 1)
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as built:
        rows = built.sql(
            "select redemption_no, id_no_mask, cast(month as varchar), cast(amount as varchar)"
            f" from staging.stg_{NEW} order by 1"
        ).fetchall()
    assert rows == [
        ("V1", "4405**********0014", "2026-09-01", "120.50"),
        ("V2", "4405**********0014", "2026-10-01", "300.00"),
    ]
