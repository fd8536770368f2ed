"""A county's feeds about its facilities, their staff and the places around them."""

from __future__ import annotations

import polars as pl

from synthetic import admissions, community, declarations, oversight, planning, workforce
from synthetic.calendar import Window
from synthetic.regions import County
from synthetic.story import Story


def house_feeds(
    seed: int,
    county: County,
    tale: Story,
    feeds: dict[str, pl.DataFrame],
    absences: pl.DataFrame,
    window: Window,
) -> dict[str, pl.DataFrame]:
    """The feeds that follow from what the county's other feeds already say.

    Args:
        feeds: registers, houses, stays, care at home and payments.
        absences: [person] from, to: days in hospital or in a house, both included.
    """
    folk, houses, stays = tale.people, tale.houses, feeds["facility_stay"]
    subsidised = feeds["facility_claim"]["facility_code"].unique()
    complaints = oversight.complaint(seed, county, houses, window)
    register = feeds["special_difficulty"]
    return {
        "facility_staff": workforce.facility_staff(
            seed, county, folk, houses, stays, workforce.occupied(feeds), window
        ),
        "facility_finance": oversight.facility_finance(
            seed, county, houses, stays, feeds["subsidy_payment"], window
        ),
        "complaint": complaints,
        "facility_inspection": oversight.facility_inspection(
            seed, county, houses, complaints, subsidised, window
        ),
        "credit_list": oversight.credit_list(seed, county, houses, subsidised, window),
        "admission_queue": admissions.admission_queue(seed, county, folk, houses, feeds, window),
        "meal_order": community.meal_order(seed, county, folk, houses, absences, window),
        "emergency_call": community.emergency_call(seed, county, folk, feeds, absences, window),
        "volunteer_hours": community.volunteer_hours(
            seed, county, folk, register, absences, window
        ),
        "construction_project": planning.construction_project(seed, county, houses, window),
        "land_supply": planning.land_supply(seed, county, window),
        "policy_declaration": declarations.policy_declaration(seed, county, window),
    }
