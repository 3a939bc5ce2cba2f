"""CSV as spreadsheets and other tools save it, read record by record; and written so that nobody's cell is a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from connector.errors import ConfigError

_SIGNS = ",;\t|"
#: Excel's own first line, which names the sign between values.
_RULED = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
#: What a spreadsheet would take for a formula (OWASP ASVS 1.2.10). A cell that looks quoted already is quoted once more,
#: so that each reads again as it was.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\0]")
_QUOTED = re.compile(r"'+[=+\-@\t\r\n\0]")


@dataclass(frozen=True)
class Record:
    """One record. line: where it begins. wrong: why it cannot be read, "" where it can."""

    line: int
    cells: tuple[str, ...]
    wrong: str = ""


def read(raw: bytes, name: str) -> Iterator[Record]:
    """Every record that is not empty, its cells without the space around them. Raises ConfigError for what is no text."""
    text = _text(raw, name)
    ruled = _RULED.match(text)
    text, before = (text[ruled.end() :], 1) if ruled else (text, 0)
    sign = ruled[1] if ruled else _sign(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
    while True:
        line = before + reader.line_num + 1
        try:
            cells = [_unquoted(cell.strip(" \xa0")) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error:
            words = "a quotation mark is not closed, or stands inside a value: put two in place of one"
            until = before + reader.line_num
            yield Record(line, (), words if until == line else f"{words}; all up to line {until} is left out")
            continue
        if any(cells):
            yield Record(line, tuple(cells))


def line(cells: Iterable[str]) -> str:
    """One record as text, with its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([f"'{cell}" if _FORMULA.match(cell) else cell for cell in cells])
    return out.getvalue()


def _text(raw: bytes, name: str) -> str:
    """As UTF-8, else in the older encodings that spreadsheets save in."""
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ConfigError([f"{name}: this is no text; save the list as CSV in UTF-8"])


def _sign(text: str) -> str:
    """What stands between the values of the first line, outside of quotation marks."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_SIGNS, key=bare.count)


def _unquoted(cell: str) -> str:
    return cell[1:] if _QUOTED.match(cell) else cell
