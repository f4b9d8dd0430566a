"""The narrative shown to a person: nothing active survives, no word is lost, the HTML is balanced."""

from html.parser import HTMLParser

import pytest

from documents import content, narrative
from documents.sandbox import sandbox
from tests.conftest import SHARED
from tests.documents.test_content import cda

ALLOWED = {"section", "h2", "h3", "h4", "h5", "p", "ul", "ol", "li", "table", "caption", "thead", "tbody"} | {
    *("tfoot", "tr", "th", "td", "sub", "sup", "span", "small", "strong", "em", "br")
}
SAMPLES = sorted((SHARED / "samples" / "cda").glob("*.xml"))


class Checked(HTMLParser):
    """An independent reader: tags allowed, closed in order, attributes only spans; collects the text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.text = [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED
        assert all(key in ("colspan", "rowspan") and value.isdigit() for key, value in attrs)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def body(text, title="Titre"):
    return cda(
        f"<structuredBody><component><section><title>{title}</title><text>{text}</text></section></component>"
        "</structuredBody>"
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Bonjour", "Bonjour"),
        ("<paragraph>a<br/>b</paragraph>", "<p>a<br>b</p>"),
        ('<list listType="ordered"><item>a</item></list>', "<ol><li>a</li></ol>"),
        ("<list><item>a</item></list>", "<ul><li>a</li></ul>"),
        (
            '<table><tr><td colspan="2" id="i">a</td></tr></table>',
            '<table><tr><td colspan="2">a</td></tr></table>',
        ),
        ('<table><tr><th rowspan="999999">a</th></tr></table>', "<table><tr><th>a</th></tr></table>"),
        ("H<sub>2</sub>O, m<sup>2</sup>", "H<sub>2</sub>O, m<sup>2</sup>"),
        ('<content styleCode="Bold" ID="a">a</content>', "<span><strong>a</strong></span>"),
        ('<content onclick="alert(1)">a</content>', "<span>a</span>"),
        ('<linkHtml href="javascript:alert(1)">a</linkHtml>', "<span>a</span>"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<![CDATA[<img src=x onerror=alert(1)>]]>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("a<script>alert(1)</script>b", "ab"),
        ('a<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>b', "ab"),
        ('<x:p xmlns:x="http://www.w3.org/1999/xhtml" style="color:red">a</x:p>', "a"),
        ("<unknown>a<paragraph>b</paragraph></unknown>", "a<p>b</p>"),
        ("a<!-- b --><?c d?>e", "ae"),
        ('<renderMultiMedia referencedObject="m"/>', "<em>[dans le document d&#x27;origine]</em>"),
    ],
)
def test_each_tag_becomes_its_html_and_nothing_else(text, html):
    assert content.narrative_of(body(text)) == f"<section><h2>Titre</h2>{html}</section>"


def test_an_image_is_replaced_by_its_type():
    media = '<entry><observationMedia ID="M1"><value mediaType="image/png" representation="B64"/></observationMedia>'
    written = body('<renderMultiMedia referencedObject="M1"/>').replace(
        b"</text>", f"</text>{media}</entry>".encode()
    )
    assert "[fichier image/png, dans le document d&#x27;origine]" in content.narrative_of(written)


def test_no_word_is_lost_however_deep():
    deep = "<content>" * 150 + "au fond" + "</content>" * 150
    html = content.narrative_of(body(deep))
    assert Checked(html).text == ["Titre", "au fond"]


def test_titles_are_escaped():
    assert "<h2>&lt;b&gt;</h2>" in content.narrative_of(body("a", title="&lt;b&gt;"))


def test_too_long_a_narrative_ends_between_two_sections_and_says_so(monkeypatch):
    from lxml import etree

    section = "<component><section><text>" + "a" * 300 + "</text></section></component>"
    root = etree.fromstring(cda(f"<structuredBody>{section * 4}</structuredBody>"))
    monkeypatch.setattr(narrative, "MAX_HTML", 700)
    html = narrative.html_of(root)
    assert html.count("<section>") == html.count("</section>") == 2
    assert html.endswith(narrative.CUT_SHORT)


def test_a_level_1_or_an_unreadable_one_has_none():
    assert content.narrative_of(b"pas du xml") == ""


@pytest.mark.shared
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_official_sample_is_shown_whole(path):
    """Every word of the section texts is in the page."""
    from lxml import etree

    deaths = sandbox.deaths
    written = path.read_bytes()
    html = content.narrative_of(written)
    shown = " ".join("".join(Checked(html).text).split())
    root = etree.fromstring(written)
    sections = "//h:structuredBody//h:section/h:text//text()[normalize-space()]"
    for words in root.xpath(sections, namespaces={"h": "urn:hl7-org:v3"}):
        assert " ".join(words.split()) in shown
    assert sandbox.deaths == deaths
