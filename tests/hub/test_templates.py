"""Where templates come from: a wheel, a checkout, the user's own folder."""

import zipfile
from pathlib import Path

import pytest

from tracksmith.errors import InputError, UsageError
from tracksmith.hub.templates import Templates, template_folder

CHECKOUT = Path(__file__).parents[2]
NAMES = [
    "hub.txt",
    "groups.txt",
    "track.html",
    "about.html",
    "added.html",
    "page.html",
    "page.js",
    "browser.js",
    "notebook.js",
    "page.css",
    "session.xml",
]


def test_an_installed_package_carries_its_templates(tmp_path):
    package = tmp_path / "site-packages" / "tracksmith" / "hub"
    (package / "templates").mkdir(parents=True)
    (package / "templates" / "hub.txt").write_text("x")
    assert template_folder(package) == package / "templates"


def test_a_checkout_has_them_beside_the_package():
    assert template_folder() == CHECKOUT / "hub_templates"
    assert sorted(path.name for path in template_folder().iterdir()) == sorted(NAMES)


def test_an_installation_without_templates_says_so(tmp_path):
    with pytest.raises(InputError, match="install tracksmith again"):
        template_folder(tmp_path / "a" / "b")


def test_the_wheel_holds_every_template(tmp_path):
    build = pytest.importorskip("hatchling.build", reason="hatchling builds the wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(CHECKOUT)
        wheel = build.build_wheel(str(tmp_path))
    with zipfile.ZipFile(tmp_path / wheel) as opened:
        packed = set(opened.namelist())
    assert {f"tracksmith/hub/templates/{name}" for name in NAMES} <= packed


def test_a_users_template_wins_and_the_others_stay(tmp_path):
    (tmp_path / "groups.txt").write_text("mine {{ groups|length }}")
    own = Templates(tmp_path)
    assert own.fill("groups.txt", groups=[1, 2]) == "mine 2"
    assert "createBrowser" in own.raw("browser.js")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{{ nobody }}", "nobody"), ("{% if %}", r"groups\.txt:1"), ("{{ groups.x.y }}", "groups")],
)
def test_a_wrong_template_is_said_with_its_name(tmp_path, text, message):
    (tmp_path / "groups.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        Templates(tmp_path).fill("groups.txt", groups=[])


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        Templates(tmp_path / "nothing")


def test_html_and_xml_are_escaped_and_text_is_not(tmp_path):
    for name in ("a.html", "a.xml", "a.txt"):
        (tmp_path / name).write_text("{{ x }}")
    own = Templates(tmp_path)
    assert (
        own.fill("a.html", x="<b>&\"'")
        == own.fill("a.xml", x="<b>&\"'")
        == "&lt;b&gt;&amp;&#34;&#39;"
    )
    assert own.fill("a.txt", x="<b>") == "<b>"
