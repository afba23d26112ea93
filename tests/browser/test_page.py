"""The page in a real browser: every view, what is dropped, errors, filters, addresses; nothing leaves the machine."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser.acting import CLIP, INDEX, SHOWN, VIEWS, clip_file, contents, drop, names, show_view
from browser.opened import Opened, explain_missing, open_page

from umurl_search.synthetic.demo_corpus import make_clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(explain_missing() is not None, reason=str(explain_missing())),
]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_loads(it: Opened, view: str) -> None:
    show_view(it, view)
    assert it.page.locator("#views a[aria-current=page]").inner_text().lower() == view
    assert it.page.locator("[role=alert]").count() == 0


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_every_view_without_scrolling_sideways(phone: Opened, view: str) -> None:
    show_view(phone, view)
    wide = phone.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1] == 360
    assert phone.said == []


@pytest.mark.parametrize("view", VIEWS)
def test_an_address_opened_anew_shows_the_same(it: Opened, view: str) -> None:
    show_view(it, view)
    before = contents(it)
    it.page.reload()
    it.page.wait_for_selector(SHOWN[view])
    assert contents(it) == before
    assert sum(map(len, before)) > 5


def test_a_stored_clip_finds_itself_first(it: Opened) -> None:
    it.go("search", index=INDEX, clip=CLIP, k=7)
    found = names(it)
    assert len(found) == 7
    assert found[0] == CLIP
    assert it.page.locator(".card").first.inner_text().count("the query itself") == 1


def test_a_dropped_file_gives_ranked_results(it: Opened, tmp_path: Path) -> None:
    it.go("search", index=INDEX)
    it.page.wait_for_selector(".cards .card")
    drop(it, clip_file(tmp_path))
    it.page.wait_for_selector(".card .rank")
    ranks = it.page.locator(".results > .cards .rank").all_inner_texts()
    scores = [float(text) for text in it.page.locator(".results > .cards .score").all_inner_texts()]
    assert ranks == [str(rank) for rank in range(1, 21)]
    assert scores == sorted(scores, reverse=True)
    assert "upload" in it.hash
    assert "S001C002P003R001A010.npy" in it.page.locator(".query-card").inner_text()
    it.page.reload()
    it.page.wait_for_selector(".card .rank")
    assert "S001C002P003R001A010.npy" in it.page.locator(".query-card").inner_text()


def test_a_file_dropped_on_another_view_is_searched_with(it: Opened, tmp_path: Path) -> None:
    show_view(it, "evaluate")
    drop(it, clip_file(tmp_path))
    it.page.wait_for_selector(".card .rank")
    assert it.hash.startswith("#/search")
    assert "clip=upload" in it.hash


def test_how_a_file_is_read_can_be_said(it: Opened, tmp_path: Path) -> None:
    path = tmp_path / "lying.npy"
    np.save(path, make_clip("S001C002P003R001A010")[..., [0, 2, 1]])
    it.go("search", index=INDEX)
    it.page.locator(".kinds summary").click()
    it.page.locator(".kinds label", has_text="Up").locator("select").select_option("z")
    it.page.locator(".kinds label", has_text="Stance").locator("select").select_option("true")
    it.page.locator(".kinds label", has_text="Not seen").locator("input").fill("nan,-5")
    with it.page.expect_request("**/api/uploads*") as asked:
        drop(it, path)
    assert all(said in asked.value.url for said in ("up=z", "upright=true", "missing=nan%2C-5"))
    it.page.wait_for_selector(".card .rank")


def test_a_name_that_looks_like_markup_is_text(it: Opened, tmp_path: Path) -> None:
    it.go("search", index=INDEX)
    it.page.wait_for_selector(".cards .card")
    drop(it, clip_file(tmp_path), name="<img src=x onerror=alert(1)>.npy")
    it.page.wait_for_selector(".card .rank")
    assert "<img src=x onerror=alert(1)>.npy" in it.page.locator(".query-card").inner_text()
    assert it.page.locator("main img").count() == 0


def test_a_chosen_file_does_as_a_dropped_one(it: Opened, tmp_path: Path) -> None:
    it.go("search", index=INDEX)
    it.page.set_input_files("#file", str(clip_file(tmp_path)))
    it.page.wait_for_selector(".card .rank")
    assert len(names(it)) == 20


def test_a_bad_file_is_refused_in_words(browser: "Browser", base: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.npy"
    bad.write_bytes(b"no numbers at all")
    with open_page(browser, base) as it:
        it.go("search", index=INDEX)
        it.page.wait_for_selector(".cards .card")
        drop(it, bad)
        told = it.page.locator("[role=alert]").inner_text()
        assert "bad.npy" in told
        assert "status of 4" in "".join(it.said)


def test_a_file_that_is_held_no_more_is_said_to_be_so(browser: "Browser", base: str) -> None:
    with open_page(browser, base) as it:
        it.go("search", index=INDEX, clip="upload:AAAAAAAAAAAAAAAAAAAAAA")
        assert "Drop it again" in it.page.locator("[role=alert]").inner_text()


@pytest.mark.parametrize("view", ["search", "compare", "map"])
def test_an_index_that_is_gone_is_not_asked_for_again(browser: "Browser", base: str, view: str) -> None:
    with open_page(browser, base) as it:
        it.go(view, index="nope", **({} if view == "map" else {"clip": CLIP}))
        it.page.locator("[role=alert] button", has_text="again" if view == "map" else "anew").first.click()
        it.page.wait_for_url(lambda url: "nope" not in url)
        it.page.wait_for_selector("[role=alert]", state="detached")
        it.page.wait_for_selector(SHOWN[view] if view == "map" else "#clip")
        assert it.page.locator("#index").input_value() != ""


def test_a_timeline_takes_an_index_of_windows_and_says_so(it: Opened) -> None:
    it.go("timeline", index=INDEX)
    it.page.wait_for_url(lambda url: "index=long" in url)
    it.page.wait_for_selector("#recording")
    assert it.page.locator("#index").input_value().startswith("long@e")


def test_an_address_that_is_none_shows_the_search(it: Opened) -> None:
    it.page.goto("about:blank")
    it.page.goto(f"{it.base}#/%")
    it.page.wait_for_selector("#clip")


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"clip": "mine:NOBODY"}, "NOBODY"),
        ({"clip": CLIP, "where": "colour = 3"}, "colour"),
        ({"index": "none"}, "none"),
    ],
)
def test_errors_are_shown_in_the_servers_words(
    browser: "Browser", base: str, parameters: dict[str, str], told: str
) -> None:
    with open_page(browser, base) as it:
        it.go("search", **{"index": INDEX, **parameters})
        assert told in it.page.locator("[role=alert]").first.inner_text()


def test_filters_narrow_the_results_and_are_in_the_address(it: Opened) -> None:
    it.go("search", index=INDEX, clip=CLIP, k=60)
    assert len(names(it)) == 60
    it.page.locator(".facet", has_text="camera").locator("summary").click()
    it.page.locator(".facet", has_text="camera").locator("input[value='2']").check()
    it.page.wait_for_function("() => document.querySelectorAll('.results > .cards .card').length === 20")
    assert all("C002" in name for name in names(it))
    assert "f.camera=2" in it.hash
    it.page.locator(".facet", has_text="label").locator("summary").click()
    assert it.page.locator(".facet", has_text="label").locator("li").first.inner_text().split() == ["0", "4"]
    it.page.get_by_role("button", name="Clear", exact=True).click()
    it.page.wait_for_function("() => document.querySelectorAll('.results > .cards .card').length === 60")


def test_a_filter_in_sql(it: Opened) -> None:
    it.go("search", index=INDEX, clip=CLIP, where="subject = 2 and camera <> 1", k=60)
    found = names(it)
    assert len(found) == 10
    assert all("P002" in name and "C001" not in name for name in found)


def test_no_clip_passes(it: Opened) -> None:
    it.go("search", index=INDEX, clip=CLIP, where="subject = 77")
    assert "No clip passes" in it.page.locator(".state.empty").inner_text()


def test_any_subset_of_modalities_asks(it: Opened) -> None:
    def wait_for_answer(by: str) -> None:
        it.page.wait_for_function("by => document.querySelector('.summary')?.innerText.includes(by)", arg=by)

    it.go("search", index=INDEX, clip=CLIP, bridge=0)
    it.page.wait_for_selector(".card .rank")
    it.page.locator(".chip", has_text="bone").click()
    wait_for_answer("joint+motion → fused;")
    assert "modality=joint%2Bmotion" in it.hash
    it.page.locator(".chip", has_text="motion").click()
    wait_for_answer("joint → fused;")
    assert "modality=joint" in it.hash
    it.page.locator(".tick", has_text="Bridge").click()
    wait_for_answer("joint → fused, over a bridge")
    it.page.locator(".tick", has_text="Bridge").click()
    it.page.locator(".chip", has_text="bone").click()
    wait_for_answer("joint+bone → fused;")


def test_a_modality_without_a_bridge_is_said_and_a_way_is_offered(browser: "Browser", base: str) -> None:
    with open_page(browser, base) as it:
        it.go("search", index=INDEX, clip=CLIP, modality="joint+motion")
        assert "build it with all modalities" in it.page.locator("[role=alert]").inner_text()
        it.page.get_by_role("button", name="Compare raw embeddings").click()
        it.page.wait_for_selector(".card .rank")


def test_a_result_asks_next(it: Opened) -> None:
    it.go("search", index=INDEX, clip=CLIP)
    second = names(it)[1]
    it.page.locator(".card .again").nth(1).click()
    it.page.wait_for_function(
        "name => document.querySelector('.results > .cards .card').dataset.clip === name", arg=second
    )
    it.page.go_back()
    it.page.wait_for_function(
        "name => document.querySelector('.results > .cards .card').dataset.clip === name", arg=CLIP
    )
