"""The pages as people see them, in a real browser: roles, login, the way to the evidence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from superset_assets import access
from tests.e2e.superset.site import Site, person, strangers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SLOW = 60_000
COUNTY = "360735000000"
LATIN = re.compile(r"[A-Za-z]{3,}")
TITLES = {
    "overview": "银龄·养老服务指标总览",
    "audit-leads": "银龄·审计线索",
    "data-health": "银龄·数据健康",
}


def overview(page: Page, site: Site) -> None:
    """Open the overview and wait until its charts have drawn."""
    page.goto(f"{site.address}/superset/dashboard/overview/")
    expect(page.locator(".yl-card").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".yl-matrix")).to_be_visible(timeout=SLOW)
    page.wait_for_load_state("networkidle", timeout=SLOW)


def healthy(page: Page) -> None:
    """No chart shows an error in place of its figures."""
    for words in ("取数出错", "意外错误", "Data error", "Unexpected error"):
        expect(page.get_by_text(words)).to_have_count(0)


def test_the_login_page_is_chinese(site: Site, browser: Browser) -> None:
    page = browser.new_page(locale="zh-CN")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site.address}/login/", wait_until="networkidle")
    for words in ("登录", "用户名", "密码"):
        expect(page.get_by_text(words).first).to_be_visible(timeout=SLOW)
    assert not LATIN.findall(page.inner_text("body"))
    assert strangers(site, asked) == []
    policy = page.request.get(f"{site.address}/login/").headers["content-security-policy"]
    assert "http" not in policy and "default-src 'self'" in policy
    page.close()


def test_a_wrong_address_is_answered_in_chinese_and_from_here(site: Site, browser: Browser) -> None:
    with person(site, browser, "guangdong") as (page, asked):
        answer = page.goto(f"{site.address}/superset/no-such-page/", wait_until="networkidle")
        assert answer is not None and answer.status == 404
        expect(page.get_by_text("没有这个页面")).to_be_visible()
        page.get_by_text("回到看板").click()
        expect(page.get_by_text(TITLES["overview"]).first).to_be_visible(timeout=SLOW)
        assert strangers(site, asked) == []


@pytest.mark.parametrize("user", access.users(access.load()), ids=lambda user: user.role)
def test_each_role_lands_on_its_dashboard_without_leaving_the_host(
    site: Site, browser: Browser, user: access.User, tmp_path: Path
) -> None:
    with person(site, browser, user.username) as (page, asked):
        title = TITLES[access.load()["roles"][user.role]["home"]]
        expect(page.get_by_text(title).first).to_be_visible(timeout=SLOW)
        expect(page.locator(".yl-banner")).to_be_visible(timeout=SLOW)
        expect(page.locator(".yl-card").first).to_be_visible(timeout=SLOW)
        page.wait_for_load_state("networkidle", timeout=SLOW)
        healthy(page)
        text = page.inner_text("body")
        for words in ("数据截止日期", "发布批次", "合成数据"):
            assert words in text
        page.screenshot(path=tmp_path / f"{user.role}.png", full_page=True)
        assert strangers(site, asked) == []


def test_a_county_page_shows_the_county_only(site: Site, browser: Browser) -> None:
    others = site.query(
        "officials",
        f"select name from region where region_level = 'county' and region_code <> '{COUNTY}'",
    )
    with person(site, browser, "shicheng") as (page, _):
        overview(page, site)
        healthy(page)
        text = page.inner_text("body")
        assert "石城县" in text and "全省" not in text
        assert not [name for (name,) in others if name in text]
        assert page.locator(".yl-matrix tbody tr").count() == 1


def test_cards_and_matrix_show_duckdbs_figures(site: Site, browser: Browser) -> None:
    found = site.query(
        "officials",
        "select i.name_zh, case when v.unit like '%/%' or contains(v.unit, '%')"
        " then format('{:,.2f}', round(v.value, 2)::double)"
        " else format('{:,}', v.value::bigint) end"
        " from indicator_value v join indicator i using (indicator_id)"
        " where v.region_code = '440000000000' and v.period_end = '2026-10-31'",
    )
    truth = {name: text for name, text in found}  # noqa: C416 - gives the pairs their types
    with person(site, browser, "guangdong") as (page, _):
        overview(page, site)
        cards = page.locator(".yl-card")
        assert cards.count() == 8
        for at in range(8):
            name = cards.nth(at).locator(".yl-card-name").inner_text()
            assert cards.nth(at).locator(".yl-card-value b").inner_text() == truth[name]
        heads = page.locator(".yl-matrix thead th").all_inner_texts()[1:]
        cells = page.locator(".yl-matrix tbody tr").first.locator("td").all_inner_texts()
        assert len(heads) == len(truth)
        for head, cell in zip(heads, cells, strict=True):
            assert cell.strip() == truth[head.split("\n")[0]]


def test_missing_figures_say_why(site: Site, browser: Browser) -> None:
    with person(site, browser, "guangdong") as (page, _):
        overview(page, site)
        choose(page, "prefecture", "韶关市")
        row = page.locator(".yl-matrix tbody tr", has_text="新丰县")
        expect(row).to_be_visible(timeout=SLOW)
        assert "数值过小不公开" in row.inner_text()


def choose(page: Page, name: str, value: str) -> None:
    """Choose a value in one of the filters on top (by the end of its id) and apply it."""
    box = page.locator(f"#NATIVE_FILTER-{name}")
    box.click(force=True)
    box.fill(value)
    page.locator(".ant-select-item-option", has_text=value).first.click()
    page.locator("[data-test=filter-bar__apply-button]").click()
    page.wait_for_load_state("networkidle", timeout=SLOW)


def test_the_map_is_drawn_with_and_without_webgl(site: Site, browser: Browser) -> None:
    with person(site, browser, "guangdong") as (page, _):
        overview(page, site)
        expect(page.locator("#deckgl-overlay")).to_be_visible(timeout=SLOW)
        page.get_by_role("tab", name="简图").click()
        shapes = page.locator(".yl-sketch path")
        expect(shapes.first).to_be_visible(timeout=SLOW)
        assert shapes.count() == 13
        assert any("武江区" in text for text in shapes.locator("title").all_text_contents())


def test_an_auditor_opens_a_lead_down_to_its_evidence(site: Site, browser: Browser) -> None:
    with person(site, browser, "auditor") as (page, _):
        page.goto(f"{site.address}/superset/dashboard/audit-leads/")
        queue = page.locator("[data-test=chart-container]", has_text="涉及金额").first
        lead = queue.locator("tbody tr").nth(2).locator("td").nth(1)
        expect(lead).to_be_visible(timeout=SLOW)
        number = lead.inner_text()
        lead.click()
        evidence = page.locator("[data-test=chart-container]", has_text="比对内容").first
        expect(evidence.locator("tbody tr")).to_have_count(2, timeout=SLOW)
        seen = evidence.locator("tbody tr").all_inner_texts()
        truth = site.query(
            "auditors",
            "select batch_id, row_no from finding_evidence where finding_id in "
            f"(select finding_id from finding where starts_with(finding_id, '{number}'))",
        )
        assert len(truth) == 2
        for batch, row in truth:
            assert any(batch in text and str(row) in text for text in seen)
        text = page.inner_text("body")
        assert "线索不是结论" in text
        for verdict in ("骗保", "骗取", "违法人员", "诈骗"):
            assert verdict not in text


def test_the_rows_behind_a_figure_keep_to_the_county(site: Site, browser: Browser) -> None:
    ids = site.dataset_ids()
    with person(site, browser, "shicheng") as (page, _):
        token = page.request.get(f"{site.address}/api/v1/security/csrf_token/").json()["result"]
        for name in ("indicator_overview", "county_map", "region_matrix", "target_progress"):
            answer = page.request.post(
                f"{site.address}/datasource/samples"
                f"?datasource_id={ids[name]}&datasource_type=table",
                headers={"X-CSRFToken": token, "Referer": site.address},
                data={},
            )
            assert answer.status == 200, answer.text()
            found = answer.json()["result"]["data"]
            assert found and {row["county_code"] for row in found} == {COUNTY}
