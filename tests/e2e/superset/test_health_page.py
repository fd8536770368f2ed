"""The page of data health: DuckDB's figures, Chinese in every tab, a county's own rows only."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.superset.site import Site, person, rows
from tests.e2e.superset.test_pages import COUNTY, LATIN, SLOW, healthy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Tab → words that stand there once it has drawn.
TABS = {
    "总览": "数据集与月份",
    "报送单位与走势": "部门报送",
    "迟报与退回": "行数与控制记录不符",
    "口径": "按定义计算",
}
SHARE = "100.0 * sum(numerator) / nullif(sum(denominator), 0)"


def health(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/superset/dashboard/data-health/")
    expect(page.locator(".yl-cards-six .yl-card")).to_have_count(6, timeout=SLOW)
    page.wait_for_load_state("networkidle", timeout=SLOW)


def open_tab(page: Page, name: str) -> None:
    page.locator("[role=tab]").filter(has_text=name).click()


def cards(page: Page) -> dict[str, str]:
    names = page.locator(".yl-cards-six .yl-card-name").all_inner_texts()
    values = page.locator(".yl-cards-six .yl-card-value b").all_inner_texts()
    return dict(zip(names, values, strict=True))


def truth(site: Site, where: str = "true") -> dict[str, str]:
    """Each dimension's share as DuckDB gives it, in the page's form and order."""
    return dict(
        site.query(
            "officials",
            f"select name_zh, format('{{:.2f}}', {SHARE}) from health_month join health_dimension"
            f" using (dimension) where {where} group by name_zh, sort_no order by sort_no",
        )
    )


def test_every_tab_draws_and_speaks_chinese(site: Site, browser: Browser) -> None:
    with person(site, browser, "steward") as (page, _):
        health(page, site)
        assert list(cards(page).items()) == list(truth(site).items())
        for tab, words in TABS.items():
            open_tab(page, tab)
            expect(page.get_by_text(words).first).to_be_visible(timeout=SLOW)
            page.wait_for_load_state("networkidle", timeout=SLOW)
            healthy(page)
            assert not LATIN.findall(page.inner_text("body")), tab


def test_a_county_sees_how_it_delivers_itself(site: Site, browser: Browser) -> None:
    with person(site, browser, "shicheng") as (page, _):
        health(page, site)
        assert cards(page) == truth(site, f"region_code = '{COUNTY}'")
        open_tab(page, "报送单位与走势")
        expect(page.locator("td").filter(has_text="石城县").first).to_be_visible(timeout=SLOW)
        text = page.inner_text("body")
        others = site.query("officials", f"select name from region where county_code <> '{COUNTY}'")
        assert not [name for (name,) in others if name in text]
        assert "部门报送" not in text


def test_the_map_of_months_gets_duckdbs_shares(site: Site) -> None:
    ids = site.dataset_ids()
    metric = {"expressionType": "SQL", "sqlExpression": SHARE, "label": "share"}
    chosen = [{"col": "dimension_zh", "op": "==", "val": "有效性"}]
    with site.api("steward") as client:
        _, found = rows(
            client, ids["health_monthly"], ["dataset_zh", "month"], metrics=[metric], filters=chosen
        )
    exact = site.query(
        "officials",
        f"select dataset_zh, strftime(month, '%Y-%m'), {SHARE} from health_month"
        " where dimension = 'validity' group by all",
    )
    shown = {(row["dataset_zh"], row["month"]): row["share"] for row in found}
    assert len(shown) == len(exact) > 100
    for name, month, share in exact:
        assert Decimal(str(shown[name, month])) == Decimal(str(share)), (name, month)
