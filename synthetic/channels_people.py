"""Channels of what is delivered about persons: insurance, work, means, custody, health."""

from __future__ import annotations

from synthetic.channel import Channel

CHANNELS = (
    Channel(
        "ltci_assessment",
        "postgresql",
        "yibao",
        ("assessment_no",),
        schema="medical",
    ),
    Channel(
        "ltci_claim",
        "postgresql",
        "yibao",
        ("claim_no",),
        "ended_at",
        ("fund_amount", "self_amount"),
        schema="medical",
    ),
    Channel("pension_payment", "rest", "renshe", ("id_no", "month"), sums=("amount",)),
    Channel(
        "employment_contribution",
        "rest",
        "renshe",
        ("id_no", "employer_uscc", "month"),
        sums=("base_amount",),
    ),
    Channel(
        "asset_check",
        "csv",
        "minzheng",
        ("household_no", "checked_on"),
        sums=("deposit_amount",),
        catch_up=True,
        dated=("checked_on",),
    ),
    Channel(
        "treasury_batch",
        "csv",
        "caizheng",
        ("batch_no",),
        sums=("list_amount", "treasury_amount", "bank_success_amount"),
        catch_up=True,
        dated=("month_number",),
    ),
    Channel(
        "recovery",
        "xlsx",
        "county",
        ("recovery_no",),
        sums=("amount",),
        catch_up=True,
        dated=("received_on",),
    ),
    Channel(
        "disability_certificate",
        "csv",
        "canlian",
        ("certificate_no",),
        encoding="gb18030",
    ),
    Channel("custody_period", "lookup", "sifa", ("id_no", "started_on")),
    Channel("health_contract", "rest", "weijian", ("id_no", "institution_code", "year")),
    Channel("health_institution", "csv", "weijian", ("institution_code",)),
    Channel(
        "training_record",
        "csv",
        "renshe",
        ("record_no",),
        sums=("subsidy_amount",),
        catch_up=True,
        dated=("ended_on",),
    ),
)
