"""The report's page in a real browser, offline: everything works, nothing is asked for, nothing goes wrong."""

import itertools
import json
import re

import pytest

from benchmarks.report_size import browser, write_run
from crossrec.experiments.reporting.report import report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browser() is None, reason="needs Chromium, e.g. `apt-get install chromium`"),
]
playwright = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
WORDS = [
    ("env=cross_scenario", f"agent={agent}", f"context={c}") for agent in ("dqn", "ppo") for c in ("none", "zeros")
]
CHARTS = ("scores", "curves", "profiles", "pairs", "scenarios", "groups", "trade")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A page about 32 runs in two tasks."""
    runs = tmp_path_factory.mktemp("page") / "runs"
    for place, words in enumerate(WORDS):
        for seed in range(4):
            write_run(runs, words, seed, quality=0.3 + 0.1 * place)
            write_run(runs, ("env=news", *words[1:]), seed, quality=0.3 + 0.1 * place)
    return report(runs)[0]


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(chromium, page_file):
    """Opens the page offline; in the end there was no error, and nothing was asked for but the page."""
    wrong, asked, contexts = [], [], []

    def open_page(width=1200, scheme="light"):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, reduced_motion="reduce"
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(page_file.resolve().as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
    assert set(asked) == {page_file.resolve().as_uri()}


def seen(tab, chart):
    """Scroll to a chart; returns it drawn."""
    figure = tab.locator(f'[data-chart="{chart}"]')
    figure.scroll_into_view_if_needed()
    tab.locator(f'[data-chart="{chart}"][data-drawn] .main-svg').first.wait_for()
    return figure


def column(tab, place):
    return tab.locator(f"#leaderboard table.sortable tbody tr > :nth-child({place})").all_inner_texts()


def test_columns_sort_and_say_so(opened):
    tab = opened()
    assert [place for place in column(tab, 1) if place] == ["1", "2", "3", "4"], "baselines have no place"
    header = tab.locator("#leaderboard th", has_text="IQM")
    for way, places in (("ascending", ["4", "3", "2", "1"]), ("descending", ["1", "2", "3", "4"])):
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == way
        assert [place for place in column(tab, 1) if place] == places
        values = [float(text.split()[0]) for text in column(tab, 3)]
        assert values == sorted(values, reverse=way == "descending")
    assert tab.locator("#leaderboard table.sortable th[aria-sort]").count() == 1


def test_charts_are_drawn_when_they_come_into_sight(opened):
    tab = opened()
    assert not tab.evaluate("Boolean(window.Plotly)"), "nothing is drawn before it is seen"
    for chart in (*CHARTS, "journey"):
        figure = seen(tab, chart)
        plot = figure.locator(".plot")
        assert plot.get_attribute("role") == "img"
        assert len(plot.get_attribute("aria-label")) > 20
        box, svg = plot.bounding_box(), figure.locator(".main-svg").first.bounding_box()
        assert svg["height"] <= box["height"] + 1, "a chart is not cut off"
    seen(tab, "curves").locator("select").select_option(label="news")
    assert "Learning curves in news" in tab.locator("#chart-curves .plot").get_attribute("aria-label")


def test_every_chart_has_its_numbers_as_a_table(opened):
    tab = opened()
    for chart in CHARTS:
        figure = seen(tab, chart)
        figure.locator("details.numbers summary").click()
        table = figure.locator("details.numbers table")
        table.wait_for()
        assert table.locator("caption").inner_text()
        assert table.locator("tbody tr").count() > 1
        assert table.locator("th[scope=row]").count() == table.locator("tbody tr").count()


def test_colours_can_be_chosen(opened):
    tab = opened(scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(colour)
    seen(tab, "scores")
    button = tab.get_by_role("button", name="Dark colours")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    dark = tab.evaluate(colour)
    assert dark != light
    assert tab.evaluate("document.querySelector('#chart-scores .main-svg').style.background") == dark
    assert opened(scheme="dark").evaluate(colour) == dark


def test_runs_are_found_paged_and_opened(opened, page_file):
    tab = opened()
    rows = tab.locator("#table-runs tbody tr")
    assert rows.count() == 25
    assert tab.locator("#pages").inner_text() == "1 to 25 of 32"
    tab.get_by_role("button", name="Next").click()
    assert rows.count() == 7
    tab.get_by_label("Find").fill("ppo zeros news")
    assert tab.locator("#pages").inner_text() == "1 to 4 of 4"
    opener = rows.first.get_by_role("button")
    name = opener.inner_text()
    opener.press("Enter")
    assert tab.locator("#table-runs button[aria-expanded=true]").inner_text() == name
    config = (page_file.parent / name / "config.yaml").read_text()
    assert tab.get_by_label("Config", exact=True).inner_text().strip() == config.strip()
    assert tab.evaluate("document.activeElement.textContent") == name, "the focus stays where it was"


def test_a_command_can_be_copied(opened):
    tab = opened()
    tab.locator("#table-runs tbody button").first.click()
    shown = tab.get_by_label("Command", exact=True).inner_text()
    assert re.match(r"crossrec train env=\w+ agent=dqn .*", shown)
    tab.get_by_role("button", name="Copy command").click()
    tab.get_by_role("button", name="Copied").first.wait_for()
    tab.get_by_label("Find").fill("")
    tab.get_by_label("Find").press("Control+V")
    assert tab.get_by_label("Find").input_value() == shown


def test_lives_can_be_chosen(opened):
    tab = opened()
    tab.get_by_label("Agent", exact=True).select_option(index=1)
    tab.get_by_label("Person", exact=True).select_option(index=3)
    caption = tab.locator("#journey caption").inner_text()
    agents = json.loads(tab.locator("#data").inner_text())["journeys"]
    life = agents[1]["lives"][3]
    assert caption.startswith(f"Person {life['user']} under {agents[1]['name']}")
    assert tab.locator("#journey tbody tr").count() == len(life["step"])
    assert tab.locator("#journey tbody td:nth-child(2)").all_inner_texts() == life["minute"]


def test_the_keyboard_reaches_everything_in_sight_of_its_focus(opened):
    tab = opened()
    reached = []
    for _ in range(30):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.textContent.trim().slice(0, 24)"))
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", reached
    assert reached[0] == "Skip to the content"
    assert {"Answer", "Leaderboard", "Runs", "IQM", "Seeds"} <= set(reached)
    tab.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")


def test_it_has_landmarks_headings_and_captions(opened):
    tab = opened()
    for role in ("banner", "navigation", "main", "contentinfo"):
        assert tab.get_by_role(role).count() == 1, role
    levels = [int(tag[1]) for tag in tab.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((h) => h.tagName)")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert tab.evaluate("[...document.querySelectorAll('table')].every((t) => t.caption && t.caption.textContent)")
    assert tab.evaluate("[...document.querySelectorAll('th')].every((cell) => cell.scope)")
    assert tab.evaluate("[...document.querySelectorAll('select, input')].every((box) => box.labels.length)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_sideways_scrolling(opened, scheme):
    tab = opened(390, scheme)
    tab.locator("#table-runs tbody button").first.click()
    for chart in (*CHARTS, "journey"):
        seen(tab, chart)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
