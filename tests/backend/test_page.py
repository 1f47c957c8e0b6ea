"""The map page in a real browser: what people see, and that nothing leaves the machine."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from backend.db import embedded, ingest, registry
from backend.db.migrate import migrate
from tests.backend.conftest import Herd, migrated_database
from tests.backend.factories import START, serving, settle_marchers, walk

pytestmark = [pytest.mark.browser, pytest.mark.db]
READY_MS = 30_000
expect.set_options(timeout=READY_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium that can reach nothing but this machine."""
    path = os.environ.get("CAPRA_CHROMIUM") or shutil.which("chromium")
    assert path, "no Chromium: apt-get install chromium, or set CAPRA_CHROMIUM to a browser"
    flags = ["--no-sandbox", "--use-angle=swiftshader"]
    flags.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=flags)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page and everything it asked for or complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def visit(browser: Browser, client: httpx.Client, state: str, **options: Any) -> Visit:
    """Open the map page and wait for it to reach a state."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
    seen = Visit(context.new_page())
    context.on("request", lambda request: seen.requests.append(request.url))
    seen.page.on("console", lambda message: seen.complaints.append(message.text))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    key = client.headers.get("authorization", "").removeprefix("Bearer ")
    seen.page.goto(f"{client.base_url}#ticket={key}" if key else str(client.base_url))
    seen.page.wait_for_selector(f"body[data-state={state}]", timeout=READY_MS)
    return seen


@pytest.fixture(scope="module")
def served(reader: httpx.Client, herd: Herd) -> httpx.Client:
    """The shared herd with its home ranges."""
    for animal in (herd.flurina, herd.gian):
        reader.post("/api/v1/home-ranges", json={"animal": animal}).raise_for_status()
    return reader


@pytest.fixture(scope="module")
def seen(browser: Browser, served: httpx.Client) -> Visit:
    """The page with the herd on it."""
    return visit(browser, served, "ready")


def test_no_request_leaves_the_machine_and_nothing_complains(seen: Visit) -> None:
    own = urlsplit(seen.page.url).netloc
    assert {urlsplit(url).netloc for url in seen.requests} == {own}
    assert any("maplibre-gl-worker.mjs" in url for url in seen.requests)
    assert seen.complaints == []


def test_the_page_may_not_ask_other_machines(seen: Visit) -> None:
    ask = "fetch('http://127.0.0.1:9/').catch(() => 'refused')"
    assert seen.page.evaluate(ask) == "refused"
    assert "Content Security Policy" in " ".join(seen.complaints)
    seen.complaints.clear()


def test_the_table_says_what_the_map_shows(seen: Visit, served: httpx.Client) -> None:
    ranges = served.get("/api/v1/home-ranges").json()["features"]
    area = next(
        one["properties"]["area_km2"]
        for one in ranges
        if (one["properties"]["name"], one["properties"]["level_percent"]) == ("Flurina", 95)
    )
    rows = [row.inner_text().split() for row in seen.page.query_selector_all("tbody tr")]
    assert " ".join(rows[0]).startswith("Flurina Capra ibex 60 5 Jun 2026, 22:00 ")
    assert float(rows[0][-2]) == pytest.approx(area, abs=0.05)
    assert re.fullmatch(r"[\d.]+–[\d.]+", rows[0][-1])  # the interval of the area
    assert " ".join(rows[2]) == "Collar 3 – 1 Jun 2026, 08:00 –"


def test_the_summary_names_animals_fixes_and_time_range(seen: Visit) -> None:
    assert seen.page.inner_text("#summary") == "2 animals, 100 fixes, 1 Jun 2026 to 5 Jun 2026"


def test_a_click_on_the_map_tells_what_is_there(seen: Visit) -> None:
    seen.page.click("text=Gian")
    seen.page.wait_for_timeout(1200)
    box = seen.page.locator("#map").bounding_box()
    assert box is not None
    seen.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(seen.page.locator(".popup h2")).to_have_text("Gian")
    seen.page.keyboard.press("Escape")
    expect(seen.page.locator(".popup")).to_have_count(0)


def test_hidden_layers_answer_no_click(seen: Visit) -> None:
    boxes = seen.page.locator("#layers input:enabled")
    for i in range(boxes.count()):
        boxes.nth(i).uncheck()
    seen.page.wait_for_timeout(300)
    seen.page.mouse.click(860, 400)
    seen.page.wait_for_timeout(300)
    assert seen.page.locator(".popup").count() == 0
    for i in range(boxes.count()):
        boxes.nth(i).check()


def test_every_animal_is_reached_by_keyboard(seen: Visit) -> None:
    seen.page.locator("h1").click()
    names = []
    for _ in range(3):
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("document.activeElement.classList.contains('scroll')"):
            seen.page.keyboard.press("Tab")  # a scrolling list takes the focus first
        names.append(seen.page.evaluate("document.activeElement.textContent"))
    assert names == ["Flurina", "Gian", "Collar 3"]


def test_the_table_has_headings_for_screen_readers(seen: Visit) -> None:
    headings = seen.page.get_by_role("columnheader")
    assert headings.count() == 4
    expect(seen.page.get_by_role("rowheader", name="Flurina")).to_be_visible()
    expect(seen.page.get_by_role("region", name="The table of animals holds")).to_be_visible()


def test_without_corridors_their_layer_is_off_and_says_so(seen: Visit) -> None:
    assert seen.page.is_disabled("#show-corridor")
    assert not seen.page.is_checked("#show-corridor")
    expect(seen.page.locator("#no-corridor")).to_have_text("none computed yet")
    assert seen.page.locator("#corridors").is_hidden()


def test_the_legend_says_by_which_method_ranges_are(seen: Visit) -> None:
    name = "Home ranges by: Autocorrelated kernel density"
    expect(seen.page.locator("#method-name")).to_have_text(name)
    assert seen.page.locator("#methods").is_hidden()


ALERT = """
insert into alert (kind, collar, animal, began_at, fixes, identity)
values (%(kind)s, 1, 1, %(at)s, '[[1, 0, 40], [1, 0, 44]]', %(kind)s)
"""


@pytest.fixture(scope="module")
def marching_url(postgres_server: str) -> str:
    """DSN of a database of their own."""
    return migrated_database(postgres_server, "marching")


@pytest.fixture(scope="module")
def marched(marching_url: str) -> Iterator[httpx.Client]:
    """Three ibex that cross a pass and one that stays: corridors, and ranges by two methods."""
    url = marching_url
    settle_marchers(url)
    with psycopg.connect(url) as connection:
        ingest.load(connection, ingest.Batch(walk(4, 60, seed=4)))
        connection.execute(ALERT, {"kind": "immobility", "at": START})
    with serving(url) as client:
        for body in (
            {"animal": 1, "method": "kde"},
            {"animal": 4, "method": "kde"},
            {"animal": 4},
        ):
            client.post("/api/v1/home-ranges", json=body).raise_for_status()
        client.post("/api/v1/corridors", json={"animals": [1, 2, 3]}).raise_for_status()
        yield client


@pytest.fixture(scope="module")
def marching_page(browser: Browser, marched: httpx.Client) -> Visit:
    """The page with them on it."""
    return visit(browser, marched, "ready")


@pytest.fixture
def marching(marching_page: Visit) -> Visit:
    """The same as at first."""
    marching_page.page.reload()
    marching_page.page.wait_for_selector("body[data-state=ready]", timeout=READY_MS)
    return marching_page


def test_the_table_says_how_wide_the_corridors_are(marching: Visit, marched: httpx.Client) -> None:
    expect(marching.page.locator("#herd")).to_have_text(
        "of 3 animals, 1 Jun 2026 to 4 Jun 2026", use_inner_text=True
    )
    rows = [row.inner_text().split("\t") for row in marching.page.query_selector_all("#levels tr")]
    assert [row[0].strip() for row in rows] == ["1 or more", "2 or more", "All 3"]
    for row, one in zip(rows, marched.get("/api/v1/corridors").json()["features"], strict=True):
        level = one["properties"]
        assert float(row[1]) == pytest.approx(level["area_km2"], abs=0.05)
        told = [float(text.replace(",", "")) for text in row[2:]]
        widths = [level["width_median_m"], level["width_narrowest_m"]]
        assert told == pytest.approx(widths, rel=0.06)
    assert marching.complaints == []


def test_the_narrowest_place_is_reached_by_keyboard_and_tells_its_width(marching: Visit) -> None:
    page = marching.page
    page.locator("#levels tr:last-child .place").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(1200)
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".popup h2")).to_have_text("Corridor")
    told = page.locator(".popup p").first
    expect(told).to_contain_text("Land of all 3 of the animals is narrowest here")


def test_corridors_can_be_hidden(marching: Visit) -> None:
    page = marching.page
    assert page.is_checked("#show-corridor")
    for name in ("corridor", "track", "range-50", "range-95", "latest"):
        page.uncheck(f"#show-{name}")
    page.locator("#levels tr:last-child .place").click()
    page.wait_for_timeout(1200)
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(300)
    assert page.locator(".popup").count() == 0


def test_another_method_is_shown_with_its_intervals(marching: Visit) -> None:
    page = marching.page
    names = page.locator("#methods option").all_inner_texts()
    assert names == ["Kernel density, reference bandwidth", "Autocorrelated kernel density"]
    assert page.locator(".interval").count() == 0
    page.select_option("#methods", "akde")
    interval = page.locator("#animals tr:nth-child(4) .interval")
    expect(interval).to_have_text(re.compile(r"^[\d.,]+–[\d.,]+$"))
    expect(page.locator("#animals tr:first-child td:last-child")).to_have_text("–")


def test_an_alert_leads_by_keyboard_to_the_fixes_that_caused_it(marching: Visit) -> None:
    page = marching.page
    expect(page.locator("#alerts h2")).to_have_text("Alerts 1")
    alert = page.locator("#alert-list button")
    expect(alert).to_have_text("ImmobilityIbex 1since 1 Jun 2026, 00:00 UTC")
    alert.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".popup h2")).to_have_text("Immobility: Ibex 1")
    assert alert.evaluate("button => button === document.activeElement")
    expect(page.locator(".maplibregl-ctrl-scale")).to_have_text(re.compile(r"^\d+\sm$"))  # near it
    page.keyboard.press("Escape")
    expect(page.locator(".popup")).to_have_count(0)
    assert marching.complaints == []


def test_a_new_alert_comes_by_itself_and_is_announced(marching: Visit, marching_url: str) -> None:
    with psycopg.connect(marching_url, autocommit=True) as connection:
        connection.execute(ALERT, {"kind": "mortality", "at": START + timedelta(days=1)})
        connection.execute("notify capra_alert")
        expect(marching.page.locator("#alert-list li")).to_have_count(2)
        expect(marching.page.locator("#alert-news")).to_have_text("New alert: Mortality, Ibex 1")
        connection.execute("delete from alert where kind = 'mortality'")


def test_a_home_range_is_computed_from_the_page(marching: Visit) -> None:
    page = marching.page
    area = page.locator("#animals tr:nth-child(2) td:last-child")
    expect(area).to_have_text("–")
    page.select_option("#compute-animal", label="Ibex 2")
    page.select_option("#compute-method", "kde")
    page.click("#compute button")
    expect(area).to_have_text(re.compile(r"^[\d.]+$"), timeout=READY_MS)
    expect(page.locator("#computed")).not_to_be_empty()


def test_a_long_computation_is_told_of_and_cancelled(
    marching: Visit, marched: httpx.Client
) -> None:
    options = {"interval": "bootstrap", "replicates": 100_000}
    asked = {"animal": 4, "options": options}
    marched.post(
        "/api/v1/home-ranges", json=asked, headers={"Prefer": "respond-async"}
    ).raise_for_status()
    page = marching.page
    page.reload()
    row = page.locator("#analysis-list li")
    expect(row.locator(".what")).to_have_text("Home range of Ibex 4", timeout=READY_MS)
    expect(row.locator(".step")).to_contain_text("bootstrap of the areas", timeout=READY_MS)
    assert 0 < float(row.locator("progress").get_attribute("value") or 0) < 1
    row.get_by_role("button", name="Cancel: Home range of Ibex 4").press("Enter")
    expect(row).to_have_count(0)
    expect(page.locator("#computed")).to_have_text("Cancelled.")


def test_buttons_at_the_foot_stand_in_one_line(marching: Visit) -> None:
    for width in (1280, 390):
        marching.page.set_viewport_size({"width": width, "height": 800})
        for name in ("#sign-out", "#fit"):
            box = marching.page.locator(name).bounding_box()
            assert box is not None
            assert box["height"] < 45
    marching.page.set_viewport_size({"width": 1280, "height": 800})


def test_dark_and_light_follow_the_system(browser: Browser, served: httpx.Client) -> None:
    color = "getComputedStyle(document.querySelector('aside')).backgroundColor"
    dark = visit(browser, served, "ready", color_scheme="dark")
    assert dark.page.evaluate(color) == "rgb(29, 34, 38)"
    dark.page.emulate_media(color_scheme="light")
    dark.page.wait_for_timeout(1000)
    assert dark.page.evaluate(color) == "rgb(255, 255, 255)"
    assert dark.complaints == []


def test_a_narrow_screen_scrolls_nothing_sideways(browser: Browser, served: httpx.Client) -> None:
    narrow = visit(browser, served, "ready")
    narrow.page.set_viewport_size({"width": 375, "height": 700})
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert narrow.page.evaluate(wide) is False


def test_without_data_the_page_says_so(browser: Browser, client: httpx.Client) -> None:
    empty = visit(browser, client, "empty")
    assert empty.page.inner_text("#summary") == "No animals yet"
    assert empty.page.inner_text("#message").startswith("No fixes yet. As soon as a station hears")


def test_a_visitor_sees_what_is_for_everybody_and_signs_in_with_a_key(
    browser: Browser, served: httpx.Client, herd: Herd
) -> None:
    with serving(herd.database_url, key=None) as public:
        page = visit(browser, public, "empty").page
        expect(page.locator("#message")).to_contain_text("sign in with a key")
        page.fill("#key", served.headers["authorization"].removeprefix("Bearer "))
        page.click("#sign-in button")
        page.wait_for_selector("body[data-state=ready]", timeout=READY_MS)
        assert "capra_" not in page.url
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def test_without_maplibre_the_table_works_and_the_page_says_how_to_get_the_map(
    browser: Browser, herd: Herd, tmp_path: Path
) -> None:
    with serving(herd.database_url, maplibre_dir=tmp_path / "nosuch") as client:
        page = visit(browser, client, "no-map").page
        assert page.inner_text("#message").startswith("The map is not installed: run")
        assert page.locator("tbody tr").count() == 3
        assert page.locator("#layers").is_hidden()


def test_a_database_that_comes_back_is_seen_without_reloading(
    browser: Browser, server_folder: Path
) -> None:
    dsn = embedded.start("herd", server_folder)
    migrate(dsn)
    embedded.stop(server_folder)
    with serving(dsn, pool_wait_s=0.5) as client:
        page = visit(browser, client, "error").page
        assert "the database does not answer" in page.inner_text("#message")
        embedded.start("herd", server_folder)
        page.wait_for_selector("body[data-state=empty]", timeout=READY_MS)


@pytest.fixture
def many(migrated_url: str) -> Iterator[httpx.Client]:
    """A herd too large for whole tracks."""
    fixes = []
    with psycopg.connect(migrated_url) as connection:
        for number in range(1, 61):
            collar = registry.add_collar(connection, f"collar {number}")
            animal = registry.add_animal(connection, f"Ibex {number}", "Capra ibex")
            registry.deploy(connection, collar, animal, START)
            place = {"lat_deg": 46.5 + number % 8 / 20, "lon_deg": 10 + number // 8 / 15}
            fixes += walk(collar, 40, seed=number, **place)
        ingest.load(connection, ingest.Batch(fixes))
    with serving(migrated_url) as client:
        yield client


def test_a_large_herd_is_drawn_from_tiles(browser: Browser, many: httpx.Client) -> None:
    seen = visit(browser, many, "ready")
    asked = [urlsplit(url).path.removeprefix("/api/v1/") for url in seen.requests]
    assert any(path.startswith("tiles/") for path in asked)
    assert "tracks" not in asked and seen.complaints == []
    seen.page.uncheck("#show-latest")
    seen.page.click("text=Ibex 11")
    seen.page.wait_for_timeout(1500)
    box = seen.page.locator("#map").bounding_box()
    assert box is not None
    seen.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(seen.page.locator(".popup h2")).to_have_text("Ibex 11")
    expect(seen.page.locator(".popup p")).to_have_text("Was here 4 Jun 2026, 06:00 UTC")
