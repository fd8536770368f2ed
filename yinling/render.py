"""What dbt must know but has no business being written twice: sources, columns, model lists.

The contracts are the one place where a dataset's columns stand; the model folders are the one
place where an indicator or a rule is listed. `render` turns both into files that dbt reads.
`staging_files` says what a staging model of a contract looks like; a test holds the models to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from ingestion.contracts import Column, Contract, load_contracts
from ingestion.reasons import REASONS
from ingestion.receipts import PARTLY
from yinling.settings import Settings

SUFFIX_WORDS = {
    "token": "令牌",
    "mask": "掩码",
    "form": "号码形式（exact、converted_15、normalised）",
}
PROVENANCE_WORDS = {
    "batch_id": "交付批次",
    "row_no": "在交付文件中的数据行号，从 1 起，含被拒绝的行",
    "known_at": "该部门获知这一行的时间，北京时间",
}
NOTICE = "Rendered by `yinling render` from ingestion/contracts and the model folders; not kept."
CADENCES = {"d": "daily", "m": "monthly", "y": "yearly"}
# A delivered month is the text YYYY-MM, and named as one; staging makes it the date of its first
# day. A text of that name that may hold something else (a month's number, a year) stays a text.
MONTH_NAMES = ("month", "_month")
# Tag of tests of what a model's own form guarantees; `yinling build` leaves them to the test suite.
BY_CONSTRUCTION = "by_construction"


class RenderError(Exception):
    """A rule's files cannot be rendered; the message says which and what to do."""


def is_month(column: Column) -> bool:
    """Whether a delivered column is a YYYY-MM month."""
    return column.is_month and (
        column.name == MONTH_NAMES[0] or column.name.endswith(MONTH_NAMES[1])
    )


def staging_columns(contract: Contract) -> list[dict[str, Any]]:
    """Columns of a staging model in order: name, description, data_type, month."""
    columns: list[dict[str, Any]] = []
    for column in contract.columns:
        month = is_month(column)
        for name, kind in column.lake:
            suffix = name.removeprefix(column.name).removeprefix("_")
            words = (
                f"{column.description}：{SUFFIX_WORDS[suffix]}" if suffix else column.description
            )
            columns.append(
                {
                    "name": name,
                    "description": f"{words}（当月首日）" if month else words,
                    "data_type": "date" if month else kind,
                    "month": month,
                }
            )
    lineage = contract.lake_schema()[len(columns) :]
    columns.extend(
        {"name": name, "description": PROVENANCE_WORDS[name], "data_type": kind, "month": False}
        for name, kind in lineage
    )
    return columns


def sources_yaml(contracts: dict[str, Contract]) -> str:
    """The dbt source `lake`: one table a dataset, read from the lake's Parquet files."""
    location = (
        "read_parquet('{{ env_var('YINLING_LAKE') }}/{name}/*/data.parquet', "
        "union_by_name=true, hive_partitioning=false)"
    )
    tables = []
    for contract in contracts.values():
        types = dict(contract.lake_schema())
        tables.append(
            {
                "name": contract.name,
                "description": f"{contract.title}：{contract.purpose}",
                "columns": [
                    {
                        "name": column["name"],
                        "description": column["description"],
                        "data_type": types[column["name"]],
                    }
                    for column in staging_columns(contract)
                ],
            }
        )
    source = {
        "name": "lake",
        "schema": "lake",
        "description": "Typed rows of every delivered batch, all versions.",
        "config": {"meta": {"external_location": location}},
        "tables": tables,
    }
    return f"# {NOTICE}\n{_yaml({'version': 2, 'sources': [source]})}"


def catalogue_sql(contracts: dict[str, Contract], models: Path) -> str:
    """Macros that tell the models which datasets, indicators and rules there are."""
    specs = {
        contract.name: {
            "key": contract.key_lake_columns(),
            "columns": [
                {"name": c["name"], "type": c["data_type"], "month": c["month"]}
                for c in staging_columns(contract)
            ],
        }
        for contract in contracts.values()
    }
    blocks = [f"{{# {NOTICE} #}}"]
    for macro, value in (
        ("dataset_specs", specs),
        ("dataset_facts", {name: dataset_facts(c) for name, c in contracts.items()}),
        (
            "column_titles",
            {f"{c.name}.{x.name}": x.title for c in contracts.values() for x in c.columns},
        ),
        ("partly_accepted_over", PARTLY),
        ("refusal_reasons", {name: reason.message for name, reason in REASONS.items()}),
        ("indicator_models", model_names(models / "indicators")),
        ("rule_models", model_names(models / "audit")),
        ("rule_defaults", rule_defaults(models / "audit")),
    ):
        # JSON without null is a Jinja literal too.
        literal = json.dumps(value, ensure_ascii=False)
        blocks.append(f"{{% macro {macro}() %}}{{{{ return({literal}) }}}}{{% endmacro %}}")
    return "\n".join(blocks) + "\n"


def dataset_facts(contract: Contract) -> dict[str, Any]:
    """Who delivers a dataset and how often; latency in days after the period's end."""
    return {
        "title": contract.title,
        "owner": contract.owner,
        "granularity": contract.granularity,
        "full_replaces": contract.full_replaces,
        "cadence": CADENCES[contract.frequency.unit],
        "months": {"d": 1, "m": 1, "y": 12}[contract.frequency.unit] * contract.frequency.value,
        "latency_days": contract.latency_days,
    }


def model_names(folder: Path) -> list[str]:
    """Names of the SQL models below a folder, but not of helpers (`int_…`), sorted."""
    return sorted(p.stem for p in folder.rglob("*.sql") if not p.stem.startswith("int_"))


def rule_defaults(folder: Path) -> dict[str, dict[str, Any]]:
    """Rule model → its parameters' `type` and default `value`, from the rule's own YAML.

    Rendered, because dbt's unit tests cannot see the graph.

    Raises:
        RenderError: a rule has no YAML beside it, or one that does not declare it.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*.sql")):
        if path.stem.startswith("int_"):
            continue
        try:
            declared = yaml.safe_load(path.with_suffix(".yml").read_text("utf-8"))
            parameters = declared["models"][0]["config"]["meta"]["parameters"] or {}
            found[path.stem] = {
                name: {"type": spec["type"], "value": str(spec["value"])}
                for name, spec in parameters.items()
            }
        except (OSError, KeyError, IndexError, TypeError, yaml.YAMLError) as error:
            raise RenderError(
                f"Rule {path.name} needs {path.stem}.yml beside it with models[0].config.meta"
                f".parameters ({error!r}). See docs/how-to/add-a-rule.md."
            ) from error
    return found


def staging_files(contract: Contract) -> dict[str, str]:
    """File name → text of a dataset's staging model and its YAML."""
    name = f"stg_{contract.name}"
    key = contract.key_lake_columns()
    model = {
        "name": name,
        "description": f"{contract.title}：{contract.purpose}。每个键取最新版本。",
        "config": {"meta": {"grain": key}},
        # The macro ranks repeated keys and keeps one: a daily build need not count them again.
        "data_tests": [
            {
                "unique_grain": {
                    "arguments": {"columns": key},
                    "config": {"tags": [BY_CONSTRUCTION]},
                }
            }
        ],
        "columns": [
            {k: c[k] for k in ("name", "description", "data_type")}
            for c in staging_columns(contract)
        ],
    }
    return {
        f"{name}.sql": f"{{{{ stage('{contract.name}') }}}}\n",
        f"{name}.yml": _yaml({"version": 2, "models": [model]}),
    }


def write_staging(settings: Settings, datasets: list[str]) -> list[Path]:
    """Write the staging model and its YAML of each dataset where its contract wants them.

    Existing files are brought back to what the contract says.

    Returns:
        The files that were written.

    Raises:
        ContractError: a contract is missing or cannot be enforced.
        RenderError: a dataset has no contract.
    """
    contracts = load_contracts(settings.contracts)
    if unknown := sorted(set(datasets) - set(contracts)):
        raise RenderError(
            f"No contract for {', '.join(unknown)}: write {settings.contracts / unknown[0]}.yaml "
            "first. See docs/how-to/add-a-dataset.md."
        )
    wanted = {
        settings.dbt_project / "models" / "staging" / contracts[dataset].family / name: text
        for dataset in datasets
        for name, text in staging_files(contracts[dataset]).items()
    }
    return _write(wanted)


def render(settings: Settings) -> list[Path]:
    """Write the rendered files; unchanged ones stay untouched, so dbt parses only what changed.

    Returns:
        The files that were rewritten.

    Raises:
        ContractError: a contract is missing or cannot be enforced.
    """
    contracts = load_contracts(settings.contracts)
    project = settings.dbt_project
    wanted = {
        project / "models" / "staging" / "_sources.yml": sources_yaml(contracts),
        project / "macros" / "rendered" / "catalogue.sql": catalogue_sql(
            contracts, project / "models"
        ),
    }
    return _write(wanted)


def _write(wanted: dict[Path, str]) -> list[Path]:
    """Write the files that are missing or differ; returns these."""
    written: list[Path] = []
    for path, text in wanted.items():
        if path.exists() and path.read_text("utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        written.append(path)
    return written


class _Dumper(yaml.SafeDumper):
    """Lists stand indented below their key, and nothing is abbreviated by an alias."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _yaml(value: object) -> str:
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
