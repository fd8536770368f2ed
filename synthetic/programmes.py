"""Programmes and their standards (feeds programme and subsidy_standard)."""

from __future__ import annotations

import polars as pl

from synthetic.regions import counties

OLD_AGE_BANDS = ((80, 90, 50), (90, 100, 100), (100, 200, 500))
"""Old-age allowance: from age, up to age (exclusive), yuan a month."""

DIBAO = 520
TEKUN_URBAN, TEKUN_RURAL = 915, 615
CARE_FEE = {"unable": 1200, "partial": 300, "able": 70}
FUNERAL_GRANT = 5000
DISABLED_LIVING, DISABLED_CARE = 100, 120
NURSING, SERVICE, VETERAN = 200, 150, 300
FAMILY_BED = 240
OPERATING = {0: 60, 1: 100, 2: 150, 3: 200, 4: 260}
"""Operating subsidy of a facility, yuan a resident and month, by grade of disability."""

PROGRAMMES = (
    ("old_age_allowance", "高龄津贴", "personal"),
    ("veteran_care_allowance", "优抚对象护理津贴", "personal"),
    ("hardship_elder_nursing_subsidy", "经济困难失能老年人护理补贴", "personal"),
    ("hardship_elder_service_subsidy", "经济困难老年人养老服务补贴", "personal"),
    ("disabled_two_subsidies_living", "困难残疾人生活补贴", "disabled_two"),
    ("disabled_two_subsidies_care", "重度残疾人护理补贴", "disabled_two"),
    ("dibao", "最低生活保障金", "dibao"),
    ("destitute_living_allowance_urban", "城市特困人员基本生活费", "tekun"),
    ("destitute_living_allowance_rural", "农村特困人员基本生活费", "tekun"),
    ("destitute_care_fee_disabled", "特困人员照料护理费（全护理）", "tekun"),
    ("destitute_care_fee_partial", "特困人员照料护理费（半护理）", "tekun"),
    ("destitute_care_fee_able", "特困人员照料护理费（自理）", "tekun"),
    ("destitute_funeral_grant", "特困人员丧葬费", "grant"),
    ("family_bed_subsidy", "家庭养老床位补贴", "home_care"),
    ("facility_operating_subsidy", "养老机构运营补贴", "facility"),
)
CLASS = {code: kind for code, _, kind in PROGRAMMES}
CARE_PROGRAMME = {
    "unable": "destitute_care_fee_disabled",
    "partial": "destitute_care_fee_partial",
    "able": "destitute_care_fee_able",
}


def programme() -> pl.DataFrame:
    """Feed programme, [programme_code]."""
    return pl.DataFrame(
        [
            (code, name, kind, "民政局", f"民发〔2020〕{number}号")
            for number, (code, name, kind) in enumerate(PROGRAMMES, 11)
        ],
        schema=["programme_code", "name", "class", "agency", "document_no"],
        orient="row",
    )


def _bands() -> list[tuple[str, str, int, str, str, int | None, int | None, str, str]]:
    """programme, band, amount, unit, requires, min_age, min_grade, exclusion_group, stop_rule."""
    rows: list[tuple[str, str, int, str, str, int | None, int | None, str, str]] = []
    for low, high, amount in OLD_AGE_BANDS:
        band = f"{low}-{high - 1}" if high < 200 else f"{low}+"
        rows.append(
            (
                "old_age_allowance",
                band,
                amount,
                "month",
                "hukou",
                low,
                None,
                "old_age",
                "death;hukou_out",
            )
        )
    rows += [
        (
            "veteran_care_allowance",
            "all",
            VETERAN,
            "month",
            "hukou",
            80,
            None,
            "old_age",
            "death;hukou_out",
        ),
        (
            "hardship_elder_nursing_subsidy",
            "all",
            NURSING,
            "month",
            "hukou",
            60,
            2,
            "nursing",
            "death;hukou_out",
        ),
        (
            "hardship_elder_service_subsidy",
            "all",
            SERVICE,
            "month",
            "hukou",
            60,
            None,
            "",
            "death;hukou_out",
        ),
        (
            "disabled_two_subsidies_living",
            "all",
            DISABLED_LIVING,
            "month",
            "hukou",
            None,
            None,
            "",
            "death;hukou_out;custody",
        ),
        (
            "disabled_two_subsidies_care",
            "all",
            DISABLED_CARE,
            "month",
            "hukou",
            None,
            None,
            "nursing",
            "death;hukou_out;custody",
        ),
        ("dibao", "all", DIBAO, "month", "hukou", None, None, "", "death;hukou_out;custody"),
        (
            "destitute_living_allowance_urban",
            "all",
            TEKUN_URBAN,
            "month",
            "hukou",
            None,
            None,
            "",
            "death;custody",
        ),
        (
            "destitute_living_allowance_rural",
            "all",
            TEKUN_RURAL,
            "month",
            "hukou",
            None,
            None,
            "",
            "death;custody",
        ),
        *(
            (CARE_PROGRAMME[care], "all", fee, "month", "hukou", None, None, "", "death;custody")
            for care, fee in CARE_FEE.items()
        ),
        ("destitute_funeral_grant", "all", FUNERAL_GRANT, "once", "hukou", None, None, "", ""),
        ("family_bed_subsidy", "all", FAMILY_BED, "month", "residence", 60, 2, "", "death"),
        *(
            (
                "facility_operating_subsidy",
                f"grade{grade}",
                amount,
                "month",
                "",
                None,
                grade,
                "",
                "",
            )
            for grade, amount in OPERATING.items()
        ),
    ]
    return rows


def subsidy_standard() -> pl.DataFrame:
    """Feed subsidy_standard, [programme_code, region_code, valid_from, band]: a set a province."""
    provinces = sorted({county.province for county in counties()})
    return pl.DataFrame(
        [
            (
                code,
                province,
                "2020-01-01",
                band,
                amount,
                unit,
                requires or None,
                age,
                grade,
                group or None,
                stop or None,
                None,
                f"民发〔2020〕{11}号",
                "第三条",
            )
            for province in provinces
            for code, band, amount, unit, requires, age, grade, group, stop in _bands()
        ],
        schema={
            "programme_code": pl.String,
            "region_code": pl.String,
            "valid_from": pl.String,
            "band": pl.String,
            "amount": pl.Int64,
            "unit": pl.String,
            "requires": pl.String,
            "min_age": pl.Int64,
            "min_grade": pl.Int64,
            "exclusion_group": pl.String,
            "stop_rule": pl.String,
            "valid_to": pl.String,
            "document_no": pl.String,
            "clause": pl.String,
        },
        orient="row",
    ).with_columns(
        pl.col("valid_from", "valid_to").str.to_date("%Y-%m-%d"),
        pl.col("amount").cast(pl.Decimal(18, 2)),
    )
