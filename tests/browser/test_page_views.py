"""The page in a real browser: playback, keys, colours, and what each view is for."""

import re
from typing import TYPE_CHECKING

import pytest
from browser.acting import CLIP, INDEX, names, pixels, show_view
from browser.opened import Opened, explain_missing, open_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(explain_missing() is not None, reason=str(explain_missing())),
]


def test_playback_advances_and_stops(it: Opened) -> None:
    show_view(it, "search")
    it.page.wait_for_selector(".card .stage:not(.waiting)")
    one = ".results > .cards .card canvas"
    time = ".transport output"
    before, at = pixels(it, one), it.page.locator(time).inner_text()
    it.page.wait_for_function("([s, was]) => document.querySelector(s).value !== was", arg=[time, at])
    it.page.wait_for_function(
        "([s, was]) => document.querySelector(s).toDataURL() !== was", arg=[one, before]
    )
    it.page.locator(".transport .play").click()
    stopped = pixels(it, one)
    it.page.wait_for_timeout(300)
    assert pixels(it, one) == stopped
    it.page.keyboard.press(".")
    assert it.page.locator(".transport .play").get_attribute("aria-label") == "Play"


def test_what_is_off_screen_is_neither_fetched_nor_drawn(it: Opened) -> None:
    it.go("search", index=INDEX, clip=CLIP, k=60)
    it.page.wait_for_selector(".card .stage:not(.waiting)")
    last = ".results > .cards .card:last-child .stage"
    assert it.page.locator(f"{last}.waiting").count() == 1
    it.page.locator(last).scroll_into_view_if_needed()
    it.page.wait_for_selector(f"{last}:not(.waiting)")


def test_speed_is_true(it: Opened) -> None:
    show_view(it, "search")
    it.page.wait_for_selector(".card .stage:not(.waiting)")
    steps = it.page.evaluate(
        """async () => {
            const {clock, seek} = await import("/assets/player.js");
            const frame = () => new Promise((shown) => requestAnimationFrame((at) => shown([at / 1000, clock.time_s])));
            seek(0);
            const seen = [await frame()];
            while (seen.length < 30) seen.push(await frame());
            return seen.slice(1).map((one, i) => [one[0] - seen[i][0], one[1] - seen[i][1]]);
        }"""
    )
    played = [(passed, moved) for passed, moved in steps if passed < 0.25 and moved >= 0]
    assert len(played) > 10
    for passed, moved in played:
        assert moved == pytest.approx(passed, abs=0.002)


def test_dragging_one_skeleton_turns_all(it: Opened) -> None:
    show_view(it, "search")
    it.page.wait_for_selector(".card .stage:not(.waiting)")
    it.page.locator(".transport .play").click()
    it.page.wait_for_timeout(100)
    others = ".card:nth-child(3) canvas"
    before = pixels(it, others)
    box = it.page.locator(".card canvas").first.bounding_box()
    assert box is not None
    it.page.mouse.move(box["x"] + 40, box["y"] + 60)
    it.page.mouse.down()
    it.page.mouse.move(box["x"] + 120, box["y"] + 80, steps=4)
    it.page.mouse.up()
    it.page.wait_for_function(
        "([s, was]) => document.querySelector(s).toDataURL() !== was", arg=[others, before]
    )
    assert it.page.locator("dialog").count() == 0


def test_a_press_on_a_skeleton_shows_it_large_beside_the_query(it: Opened) -> None:
    show_view(it, "search")
    it.page.locator(".card canvas").nth(1).click()
    assert it.page.locator("dialog.look canvas").count() == 2
    it.page.keyboard.press("Escape")
    it.page.wait_for_selector("dialog", state="detached")


def test_keys_alone_do(it: Opened) -> None:
    it.go("search", index=INDEX)
    it.page.wait_for_selector(".cards .card")
    it.page.keyboard.press("/")
    it.page.keyboard.type("A005")
    it.page.keyboard.press("Enter")
    it.page.wait_for_selector(".card .rank")
    it.page.keyboard.press("Escape")
    it.page.keyboard.press("ArrowRight")
    it.page.keyboard.press("ArrowRight")
    focused = it.page.evaluate("document.activeElement.dataset.clip")
    assert focused == names(it)[1]
    assert it.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    it.page.keyboard.press("Enter")
    it.page.wait_for_function(
        "name => document.querySelector('.results > .cards .card').dataset.clip === name", arg=focused
    )
    it.page.keyboard.press("?")
    assert it.page.locator("dialog.keys").is_visible()
    it.page.keyboard.press("Escape")
    it.page.wait_for_selector("dialog", state="detached")
    it.page.keyboard.press("4")
    it.page.wait_for_selector("canvas.map")


def test_dark_and_light(browser: "Browser", base: str) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    with open_page(browser, base, dark=True) as it:
        show_view(it, "search")
        dark = it.page.evaluate(paper)
        it.page.get_by_role("button", name="Light colours").click()
        light = it.page.evaluate(paper)
        it.page.reload()
        it.page.wait_for_selector(".card")
        assert it.page.evaluate(paper) == light != dark
    assert sum(map(int, re.findall(r"\d+", dark))) < 150
    assert sum(map(int, re.findall(r"\d+", light))) > 600


def test_who_wants_no_motion_gets_a_still_page(browser: "Browser", base: str) -> None:
    with open_page(browser, base, still=True) as it:
        show_view(it, "search")
        it.page.wait_for_selector(".card .stage:not(.waiting)")
        before = pixels(it, ".card canvas")
        it.page.wait_for_timeout(300)
        assert pixels(it, ".card canvas") == before


def test_compare_asks_by_four_modalities(it: Opened) -> None:
    show_view(it, "compare")
    assert [text.split()[0] for text in it.page.locator(".column h2").all_inner_texts()] == [
        "joint",
        "bone",
        "motion",
        "fused",
    ]
    assert it.page.locator(".column").first.locator(".card").count() == 6


def test_a_cell_of_the_confusion_opens_its_clips(it: Opened) -> None:
    show_view(it, "evaluate")
    it.page.locator("canvas.confusion").focus()
    it.page.keyboard.press("ArrowRight")
    it.page.keyboard.press("ArrowLeft")
    it.page.keyboard.press("Enter")
    it.page.wait_for_selector(".cells:not([hidden]) h3")
    assert "cell=0-0" in it.hash
    it.page.wait_for_selector(".cells .pairs, .cells p")


def test_a_query_that_found_nothing_is_shown_alone(it: Opened) -> None:
    def remove_hits(route: "Route") -> None:
        cell = route.fetch().json()
        alone = [{**pair, "hit": None, "score": None} for pair in cell["pairs"]]
        route.fulfill(json={**cell, "pairs": alone})

    it.page.route("**/cell?*", remove_hits)
    it.go("evaluate", index=INDEX, cell="0-0")
    it.page.wait_for_selector(".cells .pair-cards")
    assert it.page.locator(".pair-cards").first.locator(".card").count() == 1


def test_the_matrix_across_modalities(it: Opened) -> None:
    show_view(it, "evaluate")
    it.page.get_by_role("button", name="Measure it").click()
    it.page.wait_for_selector(".heats")
    assert it.page.locator(".heats td").count() == 16
    assert "matrix=1" in it.hash


def test_the_map_is_pointed_at_moved_and_pressed(it: Opened) -> None:
    show_view(it, "map")
    it.page.wait_for_selector(".legend .key")
    at = it.page.evaluate(
        """() => {
            const canvas = document.querySelector("canvas.map").getBoundingClientRect();
            return [canvas.x + canvas.width / 2, canvas.y + canvas.height / 2];
        }"""
    )
    before = pixels(it, "canvas.map")
    it.page.mouse.move(*at)
    it.page.mouse.wheel(0, -400)
    it.page.wait_for_function("() => location.hash.includes('zoom=')")
    assert pixels(it, "canvas.map") != before
    it.page.locator("canvas.map").focus()
    it.page.keyboard.press("0")
    it.page.wait_for_selector(".peek:not([hidden]) .stage:not(.waiting)")
    it.page.keyboard.press("Enter")
    it.page.wait_for_selector(".card .rank")
    assert "#/search" in it.hash


def test_a_value_of_the_map_is_shown_alone_then_all_again(it: Opened) -> None:
    show_view(it, "map")
    it.page.wait_for_selector(".legend .key")
    alone, pressed = it.page.locator(".legend .key").nth(1), it.page.locator(".legend [aria-pressed=true]")
    alone.click()
    assert pressed.count() == 1
    alone.click()
    assert pressed.count() == 0


def test_a_press_on_the_timeline_plays_there(it: Opened) -> None:
    show_view(it, "timeline")
    box = it.page.locator("canvas.track").bounding_box()
    assert box is not None
    it.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 60)
    it.page.wait_for_function("() => location.hash.includes('t=')")
    at = "Number(document.querySelector('canvas.track').getAttribute('aria-valuenow'))"
    it.page.wait_for_function(f"() => 12 < {at} && {at} < 17")
    assert it.page.locator(".results > .cards .card").count() >= 1


def test_segments_without_names_go_by_their_labels(it: Opened) -> None:
    def remove_names(route: "Route") -> None:
        answer = route.fetch()
        document = answer.json()
        document["segments"] = [{**one, "action": None} for one in document["segments"]]
        route.fulfill(response=answer, json=document)

    it.page.route("**/api/timelines", remove_names)
    show_view(it, "timeline")
    box = it.page.locator("canvas.track").bounding_box()
    assert box is not None
    it.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 60)
    it.page.wait_for_function(
        """() => / · label \\d+$/.test(document.querySelector(".track-box .tip").textContent)
            && /, label \\d+$/.test(document.querySelector("canvas.track").getAttribute("aria-valuetext"))"""
    )


def test_hits_without_names_are_judged_by_their_labels(it: Opened) -> None:
    moment = {"start_frame": 0}
    asked = [
        ({"label": 3}, {**moment, "segment": {"label": 3, "action": None}}, "right"),
        ({"label": 3}, {**moment, "segment": {"label": 4, "action": None}}, "wrong"),
        ({"label": 3}, {**moment, "segment": None}, "wrong"),
        ({"label": None, "action": None}, {**moment, "segment": None}, None),
        ({"label": 3}, {**moment, "segment": {"label": None, "action": None}}, None),
        ({"label": 3, "action": None}, {"label": None, "action": None}, None),
        ({"label": None, "action": "kick"}, {"label": 3, "action": "kick"}, "right"),
    ]
    show_view(it, "search")
    said = it.page.evaluate(
        """async (asked) => {
            const {verdict} = await import("/assets/format.js");
            return asked.map(([query, hit]) => verdict(query, hit));
        }""",
        [[query, hit] for query, hit, _ in asked],
    )
    assert said == [verdict for _, _, verdict in asked]
