"""Channels of what is delivered about facilities, their staff and the places around them.

Registers (staff, credit lists, queues, projects) are delivered whole each time.
"""

from __future__ import annotations

from synthetic.channel import Channel

CHANNELS = (
    Channel(
        "facility_staff",
        "xlsx",
        "county",
        ("facility_code", "id_no", "hired_on"),
        dated=("hired_on", "left_on"),
    ),
    Channel(
        "facility_finance",
        "xlsx",
        "county",
        ("facility_code", "year"),
        sums=("income", "subsidy_income"),
        catch_up=True,
    ),
    Channel(
        "facility_inspection",
        "csv",
        "minzheng",
        ("inspection_no",),
        sums=("penalty",),
        catch_up=True,
        dated=("inspected_on", "rectified_on"),
    ),
    Channel(
        "credit_list",
        "csv",
        "fagai",
        ("uscc", "list", "listed_on"),
        dated=("listed_on", "removed_on"),
    ),
    Channel(
        "complaint",
        "csv",
        "minzheng",
        ("complaint_no",),
        catch_up=True,
        dated=("received_on", "closed_on"),
    ),
    Channel(
        "admission_queue",
        "xlsx",
        "county",
        ("application_no",),
        dated=("applied_on", "admitted_on"),
    ),
    Channel(
        "meal_order",
        "csv",
        "prefecture",
        ("order_no",),
        sums=("amount",),
        catch_up=True,
        dated=("month_number",),
    ),
    Channel("emergency_call", "rest", "minzheng", ("call_no",), "called_at"),
    Channel(
        "volunteer_hours",
        "csv",
        "minzheng",
        ("entry_no",),
        catch_up=True,
        dated=("served_on",),
    ),
    Channel(
        "construction_project",
        "xlsx",
        "zhujian",
        ("project_no",),
        sums=("delivered_area",),
        dated=("_begun_on", "completed_on"),
    ),
    Channel("land_supply", "csv", "ziran", ("parcel_no",), sums=("supplied_area",)),
    Channel(
        "policy_declaration",
        "xlsx",
        "minzheng",
        ("indicator_id", "region_code", "period"),
        catch_up=True,
        dated=("month_number",),
    ),
)
