"""Every decision stands at the line of the code that follows from it, and the other way round."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
HEADING = re.compile(r"^### (.+)$", re.MULTILINE)
COMMENT = re.compile(r"^\s*# decision: ([a-z0-9]+(?:-[a-z0-9]+)*) \([^()]+(?:\(\)[^()]*)?\)$")


def comments() -> list[tuple[str, str]]:
    """Return (file and line, text) of every line of the code that speaks of a decision."""
    return [
        (f"{path.relative_to(ROOT)}:{number}", line)
        for folder in ("tracksmith", "plugins")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "build" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "# decision:" in line
    ]


def test_every_comment_on_a_decision_has_its_name_and_a_few_words_of_why():
    assert comments()
    assert not [place for place, line in comments() if not COMMENT.match(line)]


def test_every_decision_stands_at_a_line_of_the_code():
    named = {match[1] for _, line in comments() if (match := COMMENT.match(line))}
    headings = HEADING.findall(PAGE)
    assert len(headings) > 40
    assert not set(headings) - named


def test_every_decision_that_the_code_names_is_on_the_page_once():
    headings = HEADING.findall(PAGE)
    assert len(headings) == len(set(headings))
    unknown = [
        place
        for place, line in comments()
        if (match := COMMENT.match(line)) and match[1] not in headings
    ]
    assert not unknown


def test_every_decision_says_what_in_bold_and_then_why():
    sections = re.split(r"^### .+$", PAGE, flags=re.MULTILINE)[1:]
    for section in sections:
        text = section.split("\n## ")[0].strip()
        assert re.match(r"\*\*[^*]+\*\*", text), text
        assert len(text.split()) > 15, text
