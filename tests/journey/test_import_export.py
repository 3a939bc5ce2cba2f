"""A merchant brings the advocates of another tool along: old codes go on working, and everything can be taken away again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from connector.cli import main
from connector.domain.person import NAME
from connector.errors import ConfigError
from connector.files import lines
from connector.files import roster as roster_file
from connector.journey import roster
from connector.journey.enrol import choose_code, enrol
from connector.wiring import App
from tests.conftest import MakeApp
from tests.shop import DOMAIN, PROGRAM, Shop
from tests.statements import statements

#: As each tool writes its list, with the columns that people have there.
REFERRALCANDY = """First Name,Last Name,Email,Locale,Referral Link,Portal Link,Friend Offer Code,Successful Referrals
Bea,Baker,bea@example.com,en,https://annas-tea.referralcandy.com/7KQ4WPX,https://annas-tea.referralcandy.com/portal/x,BEA-10,3
Carl,"Carlson, Jr.",carl@example.com,de,http://refr.cc/n5tj2zz,,,"1,204"
"""
SMILE = """id,first_name,last_name,email,state,date_of_birth,points_balance,referral_url,vip_tier,created_at
304169228,Bea,Baker,bea@example.com,member,1004-05-27,100,http://i.refs.cc/9qr5Pw,Gold,2024-04-04T15:10:42.030Z
304169229,Carl,,carl@example.com,candidate,,0,http://i.refs.cc/aaaaaa,,2024-04-04T15:10:42.030Z
304169230,Dora,,dora@example.com,disabled,,0,,,2024-04-04T15:10:42.030Z
304169231,Emil,,emil@example.com,member,,0,https://annas-tea.example/?smile_referral_code=Zx81y,,2024-04-04T15:10:42.030Z
"""
FRIENDBUY = """Advocate Email,Customer ID,Advocate Name,Campaign Name,Referral Code,PURL,Friend Coupon Code,Conversions
bea@example.com,501,Bea Baker,Spring,EzcW,https://fbuy.io/annas-tea/EzcW,SPRING-BEA,12
carl@example.com,502,Carl,Spring,,https://fbuy.me/qzC6Y,,0
"""


def command(shop: Shop, monkeypatch: pytest.MonkeyPatch, *words: str, app: Any = None) -> Result:
    with monkeypatch.context() as patch:
        for name, value in (app or shop.app).environ.items():
            patch.setenv(name, value)
        return CliRunner().invoke(main, ["advocate", *words])


def come_in(shop: Shop, raw: str | bytes, format_: str = "auto") -> tuple[int, int, list[str]]:
    """Enrolled, known before, and what the lines say that need a look."""
    data = raw.encode() if isinstance(raw, str) else raw
    listed = roster_file.read(data, "list.csv", format_)
    parts = list(roster.take(shop.app.database, shop.merchant, shop.program, listed.entries))
    flaws = sorted([*listed.flaws, *(flaw for part in parts for flaw in part.flaws)], key=lambda flaw: flaw.line)
    return sum(p.enrolled for p in parts), sum(p.known for p in parts), [str(flaw) for flaw in flaws]


def people(shop: Shop) -> dict[str, dict[str, Any]]:
    """Every advocate of the program, by address."""
    with shop.app.database.begin(shop.merchant) as tx:
        return {email or "": dict(row) for email, row in roster.rows(tx, shop.program)}


def everything(shop: Shop) -> list[dict[str, Any]]:
    """All rows that an import could touch."""
    tables = ("advocate", "code", "directory", "fact", "identifier", "person", "person_group", "person_mark")
    return [
        row
        for table in tables
        for row in shop.rows(f"SELECT {table} AS row FROM {table} WHERE merchant_id = :merchant ORDER BY 1")
    ]


# ── From other tools ─────────────────────────────────────────────────────────────────────────────────────────────


def test_advocates_of_referralcandy_come_with_their_links_codes_names_and_counts(shop: Shop) -> None:
    assert roster_file.read(REFERRALCANDY.encode(), "x").format == "referralcandy"
    assert come_in(shop, REFERRALCANDY) == (2, 0, [])
    bea, carl = people(shop)["bea@example.com"], people(shop)["carl@example.com"]
    assert (bea["vanity"], bea["redeem"], bea["brought"]) == (["7KQ4WPX"], ["BEA-10"], 3)
    assert (carl["vanity"], carl["redeem"], carl["brought"]) == (["N5TJ2ZZ"], [], 1204)
    assert (bea["way"], bea["source"]) == ("file", "list.csv")
    with shop.app.database.begin(shop.merchant) as tx:
        assert tx.marks.bearers(NAME, "carl carlson, jr.") == [carl["person"]]


def test_advocates_of_smile_come_without_those_who_are_none(shop: Shop) -> None:
    assert roster_file.read(SMILE.encode(), "x").format == "smile"
    enrolled, known, flaws = come_in(shop, SMILE)
    assert (enrolled, known) == (2, 0)
    assert [flaw.split()[1] for flaw in flaws] == ["3:", "4:"]
    assert "advocate invite" in flaws[0] and "excluded" in flaws[1]
    found = people(shop)
    assert found["bea@example.com"]["vanity"] == ["9QR5PW"] and found["emil@example.com"]["vanity"] == ["ZX81Y"]
    assert "carl@example.com" not in found and "dora@example.com" not in found


def test_advocates_of_friendbuy_come_with_code_and_purl_as_one(shop: Shop) -> None:
    assert roster_file.read(FRIENDBUY.encode(), "x").format == "friendbuy"
    assert come_in(shop, FRIENDBUY) == (2, 0, [])
    found = people(shop)
    assert (found["bea@example.com"]["vanity"], found["bea@example.com"]["redeem"]) == (["EZCW"], ["SPRING-BEA"])
    assert found["bea@example.com"]["brought"] == 12 and found["carl@example.com"]["vanity"] == ["QZC6Y"]


def test_old_links_and_codes_go_on_working_and_pay_whom_they_paid_before(shop: Shop) -> None:
    come_in(shop, FRIENDBUY)
    answer = shop.web.get("/r/anna-s-tea-house/EzcW")
    assert answer.status_code == 302 and answer.headers["Location"].startswith(f"https://{DOMAIN}/")
    shop.customer("bea@example.com", earlier_orders=1)
    shop.order(net="80.00", landing_site=shop.landing("EzcW"))
    shop.order(net="60.00", discounts=[{"name": "SPRING-BEA"}])
    shop.work()
    assert sorted(shop.credits()) == [600, 800]
    owners = shop.rows("SELECT DISTINCT advocate_id FROM referral WHERE merchant_id = :merchant")
    assert owners == [{"advocate_id": people(shop)["bea@example.com"]["advocate"]}]


@pytest.mark.parametrize("name", ["referralcandy", "smile", "friendbuy"])
def test_the_same_list_again_changes_nothing(shop: Shop, name: str) -> None:
    raw = {"referralcandy": REFERRALCANDY, "smile": SMILE, "friendbuy": FRIENDBUY}[name]
    first = come_in(shop, raw)
    before = everything(shop)
    again = come_in(shop, raw, name)
    assert again == (0, first[0], first[2])
    assert everything(shop) == before


def test_a_code_of_somebody_else_is_told_and_never_moved(shop: Shop) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        choose_code(tx, shop.program, tx.programs.advocates([shop.code])[shop.code].id, "tea-lover")
    raw = f"email,code\nbea@example.com,TEA-lover\ncarl@example.com,{shop.code}\ndora@example.com,dora\nemil@example.com,Dora\n"
    enrolled, _, flaws = come_in(shop, raw)
    assert enrolled == 4, "the people come in, with codes of their own"
    assert len(flaws) == 3 and all("belongs to another advocate" in flaw for flaw in flaws[:2])
    assert flaws[2].startswith("line 5:") and "dora@example.com in line 4" in flaws[2]
    found = people(shop)
    assert found["anna@example.com"]["vanity"] == ["TEA-LOVER"] and found["dora@example.com"]["vanity"] == ["DORA"]
    assert not any(found[f"{name}@example.com"]["vanity"] for name in ("bea", "carl", "emil"))


# ── Files as people really save them ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "raw",
    [
        REFERRALCANDY.encode("utf-8-sig"),
        REFERRALCANDY.replace("\n", "\r\n").encode(),
        REFERRALCANDY.replace("\n", "\r").encode(),
        REFERRALCANDY.encode("utf-16"),
        ("\n\n" + REFERRALCANDY.replace("\nCarl", "\n,,,,,,,\n\nCarl")).encode(),
        (
            "sep=;\n" + "\n".join(";".join(f'"{c}"' for c in row) for row in csv.reader(REFERRALCANDY.splitlines()))
        ).encode(),
        "\n".join("\t".join(row) for row in csv.reader(REFERRALCANDY.splitlines())).encode(),
        "\n".join(",".join(f'"{c}"' for c in row[::-1]) for row in csv.reader(REFERRALCANDY.splitlines())).encode(),
        "\n".join(
            ",".join(f'" {c} "' for c in [*row, "more"]) for row in csv.reader(REFERRALCANDY.splitlines())
        ).encode(),
    ],
    ids=["mark", "crlf", "cr", "utf-16", "empty lines", "sep and semicolons", "tabs", "other order", "spaces and more columns"],
)  # fmt: skip
def test_however_a_spreadsheet_saves_the_list_it_says_the_same(raw: bytes) -> None:
    wanted = roster_file.read(REFERRALCANDY.encode(), "list.csv")
    found = roster_file.read(raw, "list.csv")
    assert found.flaws == () and found.format == wanted.format
    plain = [[{**vars(e), "line": 0} for e in read.entries] for read in (found, wanted)]
    assert plain[0] == plain[1] and len(plain[0]) == 2


def test_names_in_old_encodings_and_with_line_breaks_are_read_as_they_are() -> None:
    old = 'Email;Name\nbea@example.com;"Béa\nBäcker"\ncarl@example.com;Carl – der Große\n'
    (bea, carl) = roster_file.read(old.encode("cp1252"), "x").entries
    assert (bea.name, carl.name, bea.line, carl.line) == ("Béa\nBäcker", "Carl – der Große", 2, 4)


def test_each_bad_line_is_told_with_its_number_and_a_remedy_and_the_good_ones_come_in(shop: Shop) -> None:
    raw = """email,code,referrals,link
good1@example.com,GOOD1,1,
not an address,,,
spaces@example.com,two words,,
many@example.com,MANY,lots,
nolink@example.com,,,https://example.com/
wide@example.com,WIDE,1,,extra
good2@example.com,GOOD2,,
quote@example.com,"un"closed",,
good3@example.com,GOOD3,,
"""
    enrolled, known, flaws = come_in(shop, raw)
    assert (enrolled, known) == (3, 0)
    assert [flaw.split(":")[0] for flaw in flaws] == [f"line {n}" for n in (3, 4, 5, 6, 7, 9)]
    for flaw, remedy in zip(
        flaws, ["is no e-mail", "cannot be a code", "no number", "carries no code", "quotation marks", "put two"], strict=True
    ):  # fmt: skip
        assert remedy in flaw, flaw
    assert {*people(shop)} == {"anna@example.com", *(f"good{n}@example.com" for n in (1, 2, 3))}


def test_a_mark_that_is_never_closed_says_how_much_was_left_out() -> None:
    read = roster_file.read(b'email,name\nbea@example.com,"Bea\ncarl@example.com,Carl\n', "x")
    assert read.entries == ()
    (flaw,) = read.flaws
    assert flaw.line == 2 and "not closed" in flaw.words and "line 3 is left out" in flaw.words


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"name,code\nBea,X\n", "no column is named email"),
        (b"PK\x03\x04\x81\x8d\x8f", "save the list as CSV"),
        (b'"email\nbea@example.com', "not closed"),
    ],
)
def test_what_is_no_list_is_refused_whole_with_what_to_do(raw: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        roster_file.read(raw, "list.csv")


def test_two_lines_about_one_person_are_one_advocate_with_all_codes(shop: Shop) -> None:
    raw = "email,code,referrals\nbea@example.com,ONE,2\nBEA@example.com,TWO,5\nbea@example.com,ONE,\n"
    assert come_in(shop, raw) == (1, 0, [])
    bea = people(shop)["bea@example.com"]
    assert (bea["vanity"], bea["brought"]) == (["ONE", "TWO"], 5)


def test_a_program_that_takes_no_lists_says_so_before_the_first_line(shop: Shop) -> None:
    shop.apply({**PROGRAM, "enrol": {"ways": ["staff"]}})
    with pytest.raises(ConfigError, match="enrols nobody by 'file'"):
        come_in(shop, FRIENDBUY)
    assert {*people(shop)} == {"anna@example.com"}


# ── Out and in again ─────────────────────────────────────────────────────────────────────────────────────────────


class Bare(Shop):
    """A shop where nobody is enrolled yet."""

    def enrol(self, email: str) -> str:  # noqa: ARG002
        return ""


@pytest.fixture
def empty(shop: Shop, template: str, make_app: MakeApp) -> Iterator[Shop]:
    """The same business anew on an empty database."""
    name = f"test_{uuid4().hex}"
    owner = make_url(template).set(username="postgres", database="postgres")
    server = create_engine(owner, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as session:
        session.execute(text(f"CREATE DATABASE {name} TEMPLATE connector OWNER connector"))
    url = make_url(template).set(database=name).render_as_string(hide_password=False)

    def make(**changes: str) -> App:
        app = make_app(**changes)
        environ = {**app.environ, "DATABASE_URL": url}
        return App(app.settings.model_copy(update={"database_url": url}), environ, app.adapters, ExitStack())

    with Bare(make) as opened:
        yield opened
    opened.app.database.engine.dispose()
    with server.connect() as session:
        session.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def export(shop: Shop, monkeypatch: pytest.MonkeyPatch, file: Path) -> bytes:
    answer = command(shop, monkeypatch, "export", str(file))
    assert answer.exit_code == 0, answer.output
    return file.read_bytes()


def test_what_goes_out_comes_in_again_unchanged(
    shop: Shop, empty: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    come_in(shop, FRIENDBUY)
    with shop.app.database.begin(shop.merchant) as tx:
        made = enrol(tx, shop.program, "+plus@example.com", way="join", groups={"testers", "=cmd", "tag:very vip"})
        enrol(tx, shop.program, "'-quoted@example.com", source="=HYPERLINK(0)")
        choose_code(tx, shop.program, made.id, "plus-one")
    first = export(shop, monkeypatch, tmp_path / "first.csv")
    assert {*people(empty)} == set()
    answer = command(empty, monkeypatch, "import", str(tmp_path / "first.csv"), "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["enrolled"] == 5
    second = export(empty, monkeypatch, tmp_path / "second.csv")
    assert second == first
    before, after = people(shop), people(empty)
    for email, row in before.items():
        told = ("code", "vanity", "redeem", "groups", "way", "source", "enrolled_at", "brought")
        assert {key: after[email][key] for key in told} == {key: row[key] for key in told}
    assert empty.web.get(f"/r/{shop.code}").status_code == 302, "printed links lead on"
    command(empty, monkeypatch, "import", str(tmp_path / "second.csv"))
    assert export(empty, monkeypatch, tmp_path / "third.csv") == first


def test_no_cell_of_an_export_is_a_formula_in_a_spreadsheet(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        for place, sign in enumerate("=+-@"):
            email = f"{sign.replace('@', 'a')}bad{place}@example.com"  # no address begins with @
            enrol(tx, shop.program, email, source=f'{sign}cmd|"/c calc"', groups={f"{sign}x"})
    raw = export(shop, monkeypatch, tmp_path / "out.csv").decode()
    cells = [cell for row in csv.reader(io.StringIO(raw)) for cell in row]
    assert len(cells) == 6 * len(roster_file.HEADERS)
    assert not [cell for cell in cells if cell[:1] in {*"=+-@\t\0\r\n"} and cell]
    assert sum(cell.startswith("'") for cell in cells) == 11


CELLS = st.lists(st.text(st.characters(codec="utf-8") | st.sampled_from("'=+-@\t\0\",;\r\n|")), min_size=2, max_size=6)


@given(CELLS)
def test_every_cell_reads_again_as_it_was_and_none_begins_a_formula(cells: list[str]) -> None:
    kept = [cell.strip(" \xa0") for cell in cells]
    raw = lines.line(["email", *kept])
    (row,) = csv.reader(io.StringIO(raw, newline=""))
    assert not [cell for cell in row if cell and cell[0] in "=+-@\t\0"]
    head = lines.line(["email"] * (len(kept) + 1))  # from which the sign between values is known
    (_, record) = lines.read((head + raw).encode(), "x")
    assert (record.wrong, list(record.cells)) == ("", ["email", *kept])


# ── Many, and at the terminal ────────────────────────────────────────────────────────────────────────────────────


def test_twice_as_many_take_about_twice_the_statements_and_none_is_lost(shop: Shop) -> None:
    spent = []
    for batch, number in enumerate((500, 1000)):
        raw = "email,code,name\n" + "".join(f"p{batch}x{n}@example.com,C{batch}X{n},Name {n}\n" for n in range(number))
        with statements(shop.app) as seen:
            assert come_in(shop, raw) == (number, 0, [])
        spent.append(seen.total() / number)
    assert spent[1] <= spent[0] * 1.1, spent
    assert spent[0] < 2, f"statements for each advocate: {spent}"
    assert len(people(shop)) == 1501


def test_a_dry_run_says_what_would_be_and_changes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(FRIENDBUY + "wrong,,,,,,,\nanna@example.com,,,,,,,\n")
    before = everything(shop)
    told = command(shop, monkeypatch, "import", str(file), "--dry-run")
    assert told.exit_code == 1, "a line needs a look"
    assert "2 would be enrolled, 1 were already; read as a list of friendbuy." in told.stdout
    assert "line 4: 'wrong' is no e-mail address" in told.stderr
    assert everything(shop) == before
    done = command(shop, monkeypatch, "import", str(file), "--json")
    assert json.loads(done.stdout) == {
        "format": "friendbuy",
        "enrolled": 2,
        "known": 1,
        "flaws": [{"line": 4, "words": "'wrong' is no e-mail address"}],
        "dry_run": False,
    }
    assert len(people(shop)) == 3


def test_staff_add_find_invite_and_list_people_at_the_terminal(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = ("--tester", "--group", "vip", "--name", "Bea Baker", "--vanity", "bea-tea", "--json")
    added = json.loads(command(shop, monkeypatch, "add", "bea@example.com", *options).stdout)
    assert added["new"] and added["link"].endswith(f"/r/{added['code']}") and len(added["token"]) >= 32
    assert people(shop)["bea@example.com"]["groups"] == ["testers", "vip"]
    assert json.loads(command(shop, monkeypatch, "add", "bea@example.com", "--json").stdout)["token"] == ""
    (tmp_path / "ask.csv").write_text("carl@example.com\nno address\nbea@example.com\n")
    asked = command(shop, monkeypatch, "invite", str(tmp_path / "ask.csv"))
    assert "2 invited, 0 had been before." in asked.stdout and "line 2: 'no address'" in asked.stderr
    assert "1 invited" in command(shop, monkeypatch, "invite", "dora@example.com").stdout
    listed = json.loads(command(shop, monkeypatch, "list", "--called", "BEA BAKER", "--json").stdout)
    assert [row["advocate"] for row in listed["advocates"]] == [added["advocate"]]
    assert listed["participation"] == {"enrolled": 2, "invited": 3, "joined": 1, "share": pytest.approx(1 / 3)}
    assert "2 enrolled; of 3 invited, 1 joined (33%)." in command(shop, monkeypatch, "list").stdout
    refused = command(shop, monkeypatch, "add", "dora@example.com", "--vanity", "bea-tea")
    assert refused.exit_code != 0 and "belongs to another advocate" in refused.output
    assert "dora@example.com" not in people(shop), "all or nothing"
