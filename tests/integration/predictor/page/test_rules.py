"""What holds for the page as a whole: keyboard, screen readers, light and dark, phones, its policy, and a path before it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

import pagebrowser
from pagebrowser.proxied import under
from predictorserver import Server, serve

Open = Callable[..., Page]
EXAMPLES = ["review", "digits_image", "match_outcome", "digits"]
REVIEW = Path(__file__).parents[4] / "examples" / "review"
PHONE = {"width": 360, "height": 740}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_axe_finds_nothing(name: str, scheme: str, open_page: Open, request: pytest.FixtureRequest) -> None:
    """Contrast, names, roles, landmarks (WCAG 2.2 A and AA, and axe's own best practices)."""
    server: Server = request.getfixturevalue(name)
    page = open_page(server.http.base_url, color_scheme=scheme, bypass_csp=True)  # axe is injected
    assert violations(page) == []
    pagebrowser.run(page)
    page.get_by_text("JSON", exact=True).last.click()
    assert violations(page) == []


def test_axe_finds_nothing_in_a_refusal(digits: Server, open_page: Open) -> None:
    page = open_page(digits.http.base_url, bypass_csp=True)
    page.get_by_label("image").fill("[1]")
    pagebrowser.run(page)
    assert violations(page) == []
    page.get_by_role("tab", name="JSON").click()
    assert violations(page) == []


def test_axe_finds_nothing_while_a_model_is_not_ready(tmp_path: Path, open_page: Open) -> None:
    with serve(REVIEW / "gpuxmodel.yaml", "--model-dir", str(tmp_path), ready=False) as server:
        page = open_page(server.http.base_url, wait=False, bypass_csp=True)
        page.locator("#waiting h2").wait_for()
        assert violations(page) == []


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response
    assert len(found["passes"]) > 10  # it did look
    return [
        f"{item['id']}: {node['html']} {node['failureSummary']}"
        for item in found["violations"]
        for node in item["nodes"]
    ]


def test_by_keyboard_alone(match_outcome: Server, open_page: Open) -> None:
    page = open_page(match_outcome.http.base_url)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent")
        )
        if reached[-1] == "sex":
            page.keyboard.press("Control+A")
            page.keyboard.type("1")
        if reached[-1] == "Run":
            break
    order = ["OpenAPI", "Info", "Metrics", "Form", "match_id", "home_elo_pre", "sex", "Run"]
    assert [item for item in reached if item in order] == order
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="predicted_class")).to_be_visible()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert (outline, page.evaluate("document.activeElement.id")) == ("solid", "run")


def test_tabs_and_shortcut(review: Server, open_page: Open) -> None:
    page = open_page(review.http.base_url)
    page.get_by_role("tab", name="curl").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Python")).to_be_focused()
    expect(page.get_by_role("tab", name="Python")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel", name="Python")).to_contain_text("urlopen")
    page.get_by_label("text").focus()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="sentiment")).to_be_visible()


def test_a_picture_by_keyboard(digits_image: Server, open_page: Open) -> None:
    page = open_page(digits_image.http.base_url)
    with page.expect_file_chooser():
        pagebrowser.visit(page, str(digits_image.http.base_url))  # by then the browser knows that we wait for it
        page.get_by_label("image").focus()
        page.keyboard.press("Enter")


def test_light_and_dark(review: Server, open_page: Open) -> None:
    grounds = [
        open_page(review.http.base_url, color_scheme=scheme).evaluate(
            "getComputedStyle(document.documentElement).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    assert grounds == ["rgb(247, 247, 245)", "rgb(17, 20, 19)"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_phone(name: str, open_page: Open, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(name)
    page = open_page(server.http.base_url, viewport=PHONE)
    pagebrowser.run(page)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    answer, form = page.locator("#answer").bounding_box(), page.locator("#request").bounding_box()
    assert answer
    assert form
    assert answer["y"] > form["y"] + form["height"]


def test_the_policy_holds(review: Server, browser: Browser) -> None:
    """What would come from elsewhere or go there, and markup made from text, are refused."""
    with pagebrowser.opened(browser) as (page, _):
        pagebrowser.visit(page, str(review.http.base_url))
        refused = page.evaluate(
            """async () => {
                const broken = [];
                document.addEventListener("securitypolicyviolation", event => broken.push(event.effectiveDirective));
                try { document.body.innerHTML += "<p>"; } catch { broken.push("markup"); }
                document.body.append(Object.assign(document.createElement("img"), { src: "http://127.0.0.1:9/x.png" }));
                document.body.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: "http://127.0.0.1:9/" }));
                await fetch("http://127.0.0.1:9/").catch(() => {});
                await new Promise(resolve => setTimeout(resolve, 100));
                return broken;
            }"""
        )
    assert {"markup", "img-src", "style-src-elem", "connect-src"} <= set(refused)


@pytest.mark.parametrize("path", ["/models/review/", "/models/review"])
def test_behind_a_path(review: Server, open_page: Open, path: str) -> None:
    """As Traefik's StripPrefix does it; its header makes the address without a slash work, too."""
    with under("/models/review", str(review.http.base_url)) as url:
        page = open_page(f"{url}{path}")
        pagebrowser.run(page)
        expect(page.get_by_role("region", name="sentiment")).to_be_visible()
        expect(page.get_by_role("tabpanel", name="curl")).to_contain_text(f"{url}/models/review/predict ")
        page.get_by_label("as a task").check()
        pagebrowser.run(page)
        expect(page.locator("#answer [role=status]").first).to_contain_text("The task succeeded")
