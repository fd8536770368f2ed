"""Social assistance: who is in dibao, tekun or of low income, and what follows from it."""

from __future__ import annotations

import polars as pl

from synthetic import programmes
from synthetic.benefits import ENTITLEMENT, monthly
from synthetic.calendar import Window, month_of_day
from synthetic.draws import column, generator
from synthetic.regions import County

SELF_CARE = pl.col("grade").replace_strict(
    {0: "able", 1: "able", 2: "partial", 3: "unable", 4: "unable"}, return_dtype=pl.String
)


def households(seed: int, county: County, people: pl.DataFrame) -> pl.DataFrame:
    """[household] category: the assisted households (tekun: an elder who lives alone)."""
    rng = generator(seed, "assisted", county.code)
    frame = people.group_by("household", maintain_order=True).agg(
        pl.len().alias("size"),
        pl.col("age").min().alias("youngest"),
        pl.col("reserved").any().alias("reserved"),
        ((pl.col("relation_to_head") == "02") & pl.col("death").is_null() & (pl.col("age") > 20))
        .any()
        .alias("headed"),
    )
    draw = pl.Series(rng.random(len(frame)))
    start = pl.Series(rng.integers(2014, 2026, len(frame)), dtype=pl.Int32)
    month = pl.Series(rng.integers(1, 13, len(frame)), dtype=pl.Int32)
    alone = (pl.col("size") == 1) & (pl.col("youngest") >= 62)
    return (
        frame.with_columns(
            category=pl.when(pl.col("reserved"))
            .then(None)
            .when(alone & (draw < 0.10))
            .then(pl.lit("tekun"))
            .when((draw > 0.982) & pl.col("headed"))
            .then(pl.lit("dibao"))
            .when((draw > 0.974) & pl.col("headed"))
            .then(pl.lit("dibao_marginal"))
            .when((draw > 0.967) & pl.col("headed"))
            .then(pl.lit("low_income")),
            since_date=pl.date(column(start), column(month), 1),
        )
        .filter(pl.col("category").is_not_null())
        .select("household", "category", "since_date")
    )


def members(
    seed: int, county: County, people: pl.DataFrame, assisted: pl.DataFrame, housed: pl.DataFrame
) -> pl.DataFrame:
    """[person] the assisted with category, care_mode, self_care, wants_institution, since (month).

    Args:
        housed: [person] of those with a stay in an institution.
    """
    rng = generator(seed, "members", county.code)
    frame = (
        people.join(assisted, on="household")
        .sort("person")
        .join(
            housed.select("person", pl.lit(value=True).alias("housed")).unique("person"),
            on="person",
            how="left",
            maintain_order="left",
        )
    )
    tekun = pl.col("category") == "tekun"
    housed_now = pl.col("housed").fill_null(value=False)
    wish = pl.Series(rng.random(len(frame)) < 0.09)
    return (
        frame.with_columns(
            valid_from=pl.max_horizontal("since_date", pl.col("birth")),
            care_mode=pl.when(tekun & housed_now)
            .then(pl.lit("institution"))
            .when(tekun)
            .then(pl.lit("home")),
            self_care=pl.when(tekun).then(SELF_CARE),
            wants_institution=pl.when(tekun).then(housed_now | wish),
            housed=housed_now,
        )
        .with_columns(since=month_of_day(pl.col("valid_from")))
        .filter(pl.col("death").is_null() | (pl.col("death") > pl.col("valid_from")))
    )


def assistance_member(county: County, assisted: pl.DataFrame) -> pl.DataFrame:
    """Feed assistance_member, [id_no, category, valid_from]; ends with the month of death."""
    return assisted.select(
        "person",
        "id_no",
        "category",
        "valid_from",
        "household_no",
        "care_mode",
        "self_care",
        "wants_institution",
        pl.lit(county.code).alias("region_code"),
        pl.col("death").dt.month_end().dt.offset_by("1d").alias("valid_to"),
    )


def dibao(assisted: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Dibao is paid on one row a household, to the head: standard × members alive that month."""
    living = (
        monthly(assisted.filter(pl.col("category") == "dibao"), "dibao", programmes.DIBAO, window)
        .with_columns(month=pl.int_ranges("first", pl.col("last") + 1, dtype=pl.Int32))
        .explode("month")
        .join(assisted.select("person", "household"), on="person")
    )
    heads = assisted.filter(
        (pl.col("category") == "dibao") & (pl.col("relation_to_head") == "02")
    ).select("household", pl.col("person").alias("head"))
    return (
        living.group_by("household", "month")
        .agg(pl.col("amount").sum())
        .join(heads, on="household")
        .select(
            pl.col("head").alias("person"),
            pl.lit("dibao").alias("programme_code"),
            pl.col("month").alias("first"),
            pl.col("month").alias("last"),
            "amount",
        )
    )


def tekun(assisted: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Living allowance and care fee by self-care; a funeral grant in the month after death."""
    chosen = assisted.filter(pl.col("category") == "tekun")
    urban = pl.col("urban")
    living = monthly(
        chosen,
        pl.when(urban)
        .then(pl.lit("destitute_living_allowance_urban"))
        .otherwise(pl.lit("destitute_living_allowance_rural")),
        pl.when(urban).then(programmes.TEKUN_URBAN).otherwise(programmes.TEKUN_RURAL),
        window,
    )
    care = monthly(
        chosen,
        pl.col("self_care").replace_strict(programmes.CARE_PROGRAMME, return_dtype=pl.String),
        pl.col("self_care").replace_strict(programmes.CARE_FEE, return_dtype=pl.Int64),
        window,
    )
    after = (month_of_day(pl.col("death")) + 1).cast(pl.Int32)
    funeral = chosen.filter(pl.col("death").is_not_null() & (after <= window.last_month)).select(
        "person",
        pl.lit("destitute_funeral_grant").alias("programme_code"),
        after.alias("first"),
        after.alias("last"),
        pl.lit(programmes.FUNERAL_GRANT, dtype=pl.Int64).alias("amount"),
    )
    return pl.concat([living, care, funeral])


def other_benefits(
    seed: int,
    county: County,
    people: pl.DataFrame,
    assisted: pl.DataFrame,
    away: pl.DataFrame,
    window: Window,
) -> pl.DataFrame:
    """Disabled persons' two subsidies, nursing and service subsidies for poor elders.

    Each person gets at most one of them, nobody in tekun any, nobody in `away` (with a stay in an
    institution or a family bed) a subsidy for care at home.
    """
    rng = generator(seed, "benefits", county.code)
    poor = assisted.select("person", "category", "since")
    frame = (
        people.filter(~pl.col("reserved"))
        .join(poor, on="person", how="left")
        .join(
            away.select("person", pl.lit(value=True).alias("away")).unique("person"),
            on="person",
            how="left",
        )
        .sort("person")
        .with_columns(pl.col("away").fill_null(value=False))
    )
    draw = pl.Series(rng.random(len(frame)))
    is_poor = pl.col("category").is_in(["dibao", "dibao_marginal", "low_income"])
    elder = is_poor & (pl.col("age") >= 60.2 + window.months / 12) & ~pl.col("away")
    programme = (
        pl.when(pl.col("category") == "tekun")
        .then(None)
        .when(elder & (pl.col("grade") >= 2))
        .then(pl.lit("hardship_elder_nursing_subsidy"))
        .when(elder & (draw < 0.8))
        .then(pl.lit("hardship_elder_service_subsidy"))
        .when(is_poor & (pl.col("age") < 60) & (draw < 0.10))
        .then(pl.lit("disabled_two_subsidies_living"))
        .when((draw > 0.9965) & (pl.col("age") > 6))
        .then(pl.lit("disabled_two_subsidies_care"))
    )
    amounts = {
        "hardship_elder_nursing_subsidy": programmes.NURSING,
        "hardship_elder_service_subsidy": programmes.SERVICE,
        "disabled_two_subsidies_living": programmes.DISABLED_LIVING,
        "disabled_two_subsidies_care": programmes.DISABLED_CARE,
    }
    chosen = frame.with_columns(programme=programme).filter(pl.col("programme").is_not_null())
    return monthly(
        chosen.with_columns(pl.col("since").fill_null(window.first_month)),
        pl.col("programme"),
        pl.col("programme").replace_strict(amounts, return_dtype=pl.Int64),
        window,
    ).cast(ENTITLEMENT)
