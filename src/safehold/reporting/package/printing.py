"""The printed summary: HTML and PDF, each in one file, without pictures or scripts. I/O-free.

The same sections give the same bytes, at any time and on any machine.
"""

from __future__ import annotations

import html
import io
from collections.abc import Sequence

from safehold.reporting.package.summary import Section

TITLE = "Evidence package"
_NOTES = (
    "A match is a reason to look, and says nothing about any person.",
    "This sheet shows no pictures. The originals stand beside it, in the folder evidence.",
    "case.json has all of this for machines, whole.",
)
_ESCAPED = (
    "Characters that this sheet cannot print are written as \\uXXXX (their numbers in Unicode); "
    "case.json has them as they are."
)
_STYLE = (
    "body{font:11pt sans-serif;max-width:50em;margin:2em auto}"
    "h2{font-size:12pt;margin:1.5em 0 .3em;break-after:avoid}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #999;padding:.2em .5em;text-align:left;vertical-align:top}"
    "th{width:30%;font-weight:normal}"
    "td{overflow-wrap:anywhere;white-space:pre-wrap}"
)
_MARGIN = 54.0
_PDF_ENCODING = "cp1252"


def as_html(sections: Sequence[Section]) -> bytes:
    """A page that loads nothing and runs nothing; UTF-8."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    lines = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<title>{TITLE}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{TITLE}</h1>",
        *(f"<p>{html.escape(note)}</p>" for note in _NOTES),
    ]
    for section in sections:
        lines.append(f"<h2>{html.escape(section.title)}</h2>\n<table>")
        lines += [
            f'<tr><th scope="row">{_visible(label)}</th><td>{_visible(value)}</td></tr>'
            for label, value in section.rows
        ]
        lines.append("</table>")
    lines.append("</body>\n</html>\n")
    return "\n".join(lines).encode("utf-8")


def as_pdf(sections: Sequence[Section]) -> bytes:
    """A PDF with the fonts that every reader has.

    Those have the characters of Windows-1252 alone; others are written by their numbers.
    """
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer

    plain = ParagraphStyle("plain", fontName="Helvetica", fontSize=9, leading=12, splitLongWords=1)
    title = ParagraphStyle("title", plain, fontName="Helvetica-Bold", fontSize=16, leading=22)
    heading = ParagraphStyle(
        "heading", plain, fontName="Helvetica-Bold", fontSize=11, spaceBefore=10, keepWithNext=1
    )

    story: list[Flowable] = [Paragraph(TITLE, title)]
    story += [Paragraph(_pdf_text(note), plain) for note in (*_NOTES, _ESCAPED)]
    for section in sections:
        story.append(Paragraph(_pdf_text(section.title), heading))
        # Paragraphs break over pages, wherever that is; rows of a table do not.
        story += [
            Paragraph(f"<b>{_pdf_text(label)}:</b> {_pdf_text(value)}", plain)
            for label, value in section.rows
        ]
    story.append(Spacer(1, 1))
    output = io.BytesIO()
    SimpleDocTemplate(
        output,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=TITLE,
        author="Safehold",
        invariant=1,
    ).build(story)
    return output.getvalue()


def _visible(text: str) -> str:
    """Text for HTML; what has no shape of its own, and could reorder or hide, as its number."""
    return html.escape("".join(c if _is_shown(c) else _number(c) for c in text))


def _pdf_text(text: str) -> str:
    """Text for a PDF's paragraph."""
    return html.escape("".join(c if _is_in_fonts(c) else _number(c) for c in text), quote=False)


def _is_shown(character: str) -> bool:
    return character.isprintable() or character == "\n"


def _is_in_fonts(character: str) -> bool:
    try:
        character.encode(_PDF_ENCODING)
    except UnicodeEncodeError:
        return False
    return character.isprintable()


def _number(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
