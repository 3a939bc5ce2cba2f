"""The Salesforce stand-in reads SOQL as Salesforce does: what it would be too kind to refuse would fail in a real org."""

import pytest

from adapters.salesforce.sandbox import start
from adapters.salesforce.sandbox.client import Client


@pytest.fixture(scope="module")
def org():
    """Three leads, two accounts with a contact each, and three deals of a contact."""
    sandbox = start()
    client = Client(sandbox.url, "t")
    client.control("orgs", token="t")

    def made(kind, **values):
        return client.control("records", object=kind, values=values)["id"]

    made("Lead", LastName="Zoe", Company="Tea", Email="Zoe@Example.com", NumberOfEmployees=5, LeadSource="Web")
    made("Lead", LastName="adam", Company="O'Neil 100%", Email="adam@example.com", NumberOfEmployees=50)
    made("Lead", LastName="Bea_1", Company="back\\slash", LeadSource="Other")
    tea, cup = made("Account", Name="Tea", Website="tea.example"), made("Account", Name="Cup")
    anna, bob = (
        made("Contact", LastName=name, Email=f"{name}@example.com", AccountId=account)
        for name, account in (("Anna", tea), ("Bob", cup))
    )
    for amount, stage, day in ((100, "Closed Won", "2026-01-01"), (50.5, "Closed Won", "2026-02-01"), (None, "Prospecting", "2026-03-01")):  # fmt: skip
        values = {"Name": f"Deal {amount}", "StageName": stage, "CloseDate": day, "AccountId": tea, "ContactId": anna}
        made("Opportunity", **values, **({"Amount": amount} if amount else {}))
    client.ids = {"tea": tea, "anna": anna, "bob": bob}
    yield client
    client.close()
    sandbox.stop()


def names(org, where, kind="Lead"):
    return [row["Name"] for row in org.query(f"SELECT Name FROM {kind} WHERE {where} ORDER BY Name")]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Email = 'ZOE@example.com'", ["Zoe"]),  # case does not count in texts
        ("Email != 'zoe@example.com'", ["adam", "Bea_1"]),  # and an empty one is unlike any
        ("Email = null", ["Bea_1"]),
        ("Email != null", ["adam", "Zoe"]),
        ("Email = ''", []),
        ("NumberOfEmployees >= 5 AND NumberOfEmployees < 50", ["Zoe"]),
        ("NumberOfEmployees > 5", ["adam"]),  # nothing is neither less nor more
        ("NumberOfEmployees <= 1000", ["adam", "Zoe"]),
        ("LeadSource IN ('web', 'Other')", ["Bea_1", "Zoe"]),
        ("LeadSource NOT IN ('Web')", ["adam", "Bea_1"]),
        ("Name LIKE 'z%'", ["Zoe"]),
        (r"Name LIKE 'Bea\_%'", ["Bea_1"]),
        ("Name LIKE '_da_'", ["adam"]),
        (r"Company = 'O\'Neil 100%'", ["adam"]),
        (r"Company LIKE '%100\%'", ["adam"]),
        (r"Company = 'back\\slash'", ["Bea_1"]),
        ("IsConverted = false AND (LastName = 'Zoe' OR LastName = 'adam')", ["adam", "Zoe"]),
        ("NOT (LastName = 'Zoe' OR LastName = 'adam')", ["Bea_1"]),
        ("(NOT Email = null) AND LeadSource = null", ["adam"]),
        ("CreatedDate > 2020-01-01T00:00:00Z AND CreatedDate < 2099-01-01T00:00:00+02:00", ["adam", "Bea_1", "Zoe"]),
        ("Owner.Name LIKE 'Ada%'", ["adam", "Bea_1", "Zoe"]),
    ],
)
def test_conditions_find_what_they_find_on_salesforce(org, where, found):
    assert names(org, where) == found


def test_fields_of_related_objects_stand_in_objects_of_their_own_and_what_is_not_there_is_null(org):
    rows = org.query("SELECT Name, Account.Name, account.owner.email, Campaign.Name FROM Opportunity WHERE Account.Website LIKE 'tea%' LIMIT 1")  # fmt: skip
    (row,) = rows
    assert row["Account"]["attributes"]["type"] == "Account"
    assert (row["Account"]["Name"], row["Account"]["Owner"]["Email"]) == ("Tea", "ada@org1.my.salesforce.com")
    assert row["Campaign"] is None
    assert names(org, "CampaignId = null AND Campaign.Name = null", "Opportunity") != []


def test_children_come_with_their_parents_and_null_where_there_are_none(org):
    asked = "SELECT Name, (SELECT Contact.Email, IsPrimary FROM OpportunityContactRoles WHERE IsPrimary = true), (SELECT Id FROM OpportunityHistories) FROM Opportunity ORDER BY CloseDate DESC"  # fmt: skip
    rows = org.query(asked)
    roles = rows[0]["OpportunityContactRoles"]
    assert (roles["totalSize"], roles["done"], roles["records"][0]["Contact"]["Email"]) == (1, True, "Anna@example.com")
    (bob,) = org.query(
        f"SELECT Name, (SELECT Id FROM OpportunityContactRoles) FROM Contact WHERE Id = '{org.ids['bob']}'"
    )
    assert bob["OpportunityContactRoles"] is None
    assert rows[0]["OpportunityHistories"]["totalSize"] == 1


def test_records_are_ordered_by_several_fields_with_nothing_first(org):
    assert [row["Amount"] for row in org.query("SELECT Amount FROM Opportunity ORDER BY Amount")] == [None, 50.5, 100.0]
    falling = "SELECT Amount FROM Opportunity ORDER BY Amount DESC"
    assert [row["Amount"] for row in org.query(falling)] == [100.0, 50.5, None]
    assert [row["Amount"] for row in org.query(f"{falling} NULLS FIRST LIMIT 2 OFFSET 1")] == [100.0, 50.5]
    two = "SELECT Name FROM Opportunity ORDER BY StageName DESC, CloseDate ASC NULLS LAST, Id"
    assert [row["Name"] for row in org.query(two)] == ["Deal None", "Deal 100", "Deal 50.5"]


def test_ids_are_ordered_with_their_case_so_that_pages_by_id_miss_nobody(org):
    ids = [row["Id"] for row in org.query("SELECT Id FROM Lead ORDER BY Id")]
    assert ids == sorted(ids)
    assert [row["Id"] for row in org.query(f"SELECT Id FROM Lead WHERE Id > '{ids[0]}' ORDER BY Id")] == ids[1:]
    assert [row["Id"] for row in org.query(f"SELECT Id FROM Lead WHERE Id = '{ids[0][:15]}'")] == ids[:1]


def test_records_are_counted_and_summed(org):
    count = org.ask("GET", "query", q="SELECT COUNT() FROM Opportunity WHERE IsWon = true")
    assert count == {"totalSize": 2, "done": True, "records": []}
    asked = "SELECT StageName stage, SUM(Amount) total, COUNT(Id), MAX(CloseDate) FROM Opportunity GROUP BY StageName"
    rows = {row["stage"]: row for row in org.query(asked)}
    assert {k: v for k, v in rows["Closed Won"].items() if k != "attributes"} == {
        "stage": "Closed Won", "total": 150.5, "expr0": 2, "expr1": "2026-02-01",
    }  # fmt: skip
    assert rows["Prospecting"]["total"] is None and rows["Prospecting"]["attributes"] == {"type": "AggregateResult"}
    (whole,) = org.query("SELECT SUM(Amount), COUNT_DISTINCT(AccountId) n FROM Opportunity")
    assert (whole["expr0"], whole["n"]) == (150.5, 1)


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ("SELECT Foo FROM Lead", "INVALID_FIELD", "No such column 'Foo' on entity 'Lead'"),
        ("SELECT Id FROM Lead WHERE Foo = 1", "INVALID_FIELD", "No such column 'Foo'"),
        ("SELECT Company.Name FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Company'"),
        ("SELECT Id, (SELECT Id FROM Roles) FROM Opportunity", "INVALID_TYPE", "Didn't understand relationship 'Roles'"),
        ("SELECT Id FROM Leads", "INVALID_TYPE", "sObject type 'Leads' is not supported"),
        ("SELECT Id FROM Lead WHERE Name = Zoe", "MALFORMED_QUERY", "unexpected token: 'Zoe'"),
        ('SELECT Id FROM Lead WHERE Name = "Zoe"', "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Lead WHERE Name = 'O'Neil'", "MALFORMED_QUERY", "unexpected token"),
        (r"SELECT Id FROM Lead WHERE Name = '\d'", "MALFORMED_QUERY", "Invalid escape sequence"),
        ("SELECT Id FROM Lead WHERE Name IN ()", "MALFORMED_QUERY", "unexpected token: ')'"),
        ("SELECT Id FROM Lead WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT FROM Lead", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        ("SELECT Id, Id FROM Lead", "MALFORMED_QUERY", "duplicate field selected: Id"),
        ("SELECT Id FROM Lead LIMIT 1 1", "MALFORMED_QUERY", "unexpected token: '1'"),
        ("DELETE FROM Lead", "MALFORMED_QUERY", "unexpected token: 'DELETE'"),
        ("", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Name, COUNT(Id) FROM Lead GROUP BY Company", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
        ("SELECT SUM(Name) FROM Lead", "MALFORMED_QUERY", "does not support aggregate operator SUM"),
        ("SELECT Id FROM Lead WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD", "should not be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Opportunity WHERE CloseDate = 2026-01-01T00:00:00Z", "INVALID_FIELD", "must be of type date"),
        ("SELECT Id FROM Lead WHERE NumberOfEmployees = '5'", "INVALID_FIELD", "must be of type double"),
        ("SELECT Id FROM Lead WHERE Name = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE IsConverted = 'false'", "INVALID_FIELD", "must be of type boolean"),
        ("SELECT Id FROM Lead WHERE Id = 'nobody'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: nobody"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Lead ORDER BY Description", "INVALID_FIELD", "can not be sorted"),
    ],
)  # fmt: skip
def test_what_salesforce_does_not_understand_is_refused_in_its_words(org, asked, code, words):
    answer = org.call("GET", "query", q=asked)
    (told,) = answer.json()
    assert (answer.status_code, told["errorCode"]) == (400, code)
    assert words in told["message"]


def test_a_field_that_the_user_may_not_see_is_as_if_it_were_not_there(org):
    org.control("security", object="Lead", field="Email", withhold=["read"])
    try:
        for asked in (
            "SELECT Email FROM Lead",
            "SELECT Id FROM Lead WHERE Email = 'a'",
            "SELECT Id FROM Lead ORDER BY Email",
        ):
            answer = org.call("GET", "query", q=asked)
            assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_FIELD")
        assert "Email" not in [field["name"] for field in org.ask("GET", "sobjects/Lead/describe")["fields"]]
    finally:
        org.control("security", object="Lead", field="Email", withhold=[])


def test_deleted_records_are_found_by_query_all_alone(org):
    number = org.control("records", object="Lead", values={"LastName": "Gone", "Company": "G"})["id"]
    org.control("delete", id=number)
    asked = f"SELECT Id, IsDeleted FROM Lead WHERE Id = '{number}'"
    assert org.query(asked) == []
    assert [row["IsDeleted"] for row in org.ask("GET", "queryAll", q=asked)["records"]] == [True]


def test_an_address_longer_than_salesforce_takes_is_refused(org):
    many = ",".join(f"'{'x' * 90}'" for _ in range(200))
    assert org.call("GET", "query", q=f"SELECT Id FROM Lead WHERE Name IN ({many})").status_code == 414
