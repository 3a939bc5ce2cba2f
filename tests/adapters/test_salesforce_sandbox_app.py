"""What an app meets around the Salesforce stand-in's records: limits, faults, outbound messages, licences, and its control API."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests

from adapters.salesforce.sandbox import start
from adapters.salesforce.sandbox.client import Client

ACK = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>{}</Ack></notificationsResponse></e:Body></e:Envelope>'  # fmt: skip
DEAL = {"Name": "O", "StageName": "Prospecting", "CloseDate": "2030-01-31"}


@pytest.fixture
def client():
    sandbox = start()
    client = Client(sandbox.url, "t")
    client.org = client.control("orgs", token="t")["org"]
    yield client
    client.close()
    sandbox.stop()


def lead(client, **values):
    return client.control("records", object="Lead", values={"LastName": "L", "Company": "C", **values})["id"]


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_answer_says_how_many_calls_the_whole_org_used_and_the_last_one_is_the_last(client):
    client.control("orgs/update", limit=100)
    client.control("others", calls=97)
    for used, path in ((98, "limits"), (99, "sobjects/Nothing/describe"), (100, "query?q=x")):
        assert client.call("GET", path).headers["Sforce-Limit-Info"] == f"api-usage={used}/100"
    over = client.call("GET", "limits")
    assert (over.status_code, over.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert over.headers["Sforce-Limit-Info"] == "api-usage=100/100" and "Retry-After" not in over.headers
    client.control("clock", advance_s=24 * 3600)
    assert client.call("GET", "limits").json()["DailyApiRequests"] == {"Max": 100, "Remaining": 99}
    assert client.book()["limited"] == 1


def test_tokens_and_versions_cost_no_call(client):
    client.call("GET", "/services/oauth2/userinfo")
    requests.get(f"{client.url}/services/data", timeout=10)
    assert client.call("GET", "limits").headers["Sforce-Limit-Info"] == "api-usage=1/15000"


@pytest.mark.parametrize("version", ["58.0", "69.0", "66", "x"])
def test_a_version_that_is_not_spoken_is_not_there(client, version):
    assert client.call("GET", f"/services/data/v{version}/limits").status_code == 404


# ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "more", "status", "effect"),
    [
        ("cut_before", {}, None, False),
        ("cut_after", {}, None, True),
        ("status_before", {}, 503, False),
        ("status_after", {"status": 500}, 500, True),
        ("html_200_after", {}, 200, True),
        ("empty_success", {"when": "before"}, 200, False),
        ("empty_success", {"when": "after"}, 200, True),
        ("silence", {"delay_s": 0, "when": "after"}, None, True),
        ("slow", {"delay_s": 0}, 201, True),
        ("throttled", {}, 403, False),
        ("locked", {"status": 500}, 500, False),
        ("expired", {}, 401, False),
    ],
)
def test_a_fault_strikes_once_and_the_book_knows_whether_there_was_an_effect(client, fault, more, status, effect):
    client.control("faults", fault=fault, path="^POST .*/sobjects/Account", count=1, **more)
    try:
        told = client.call("POST", "sobjects/Account", {"Name": "A"}).status_code
    except requests.ConnectionError:
        told = None
    assert told == status
    assert len([e for e in client.book()["entries"] if e["kind"] == "created"]) == int(effect)
    assert client.call("POST", "sobjects/Account", {"Name": "B"}).status_code == 201


def test_a_fault_may_be_for_one_org_and_for_a_part_of_its_queries(client):
    client.control("faults", fault="throttled", path=r"/query\?q=SELECT Id FROM Lead", org=client.org)
    assert client.call("GET", "query", q="SELECT Id FROM Account").status_code == 200
    assert client.call("GET", "query", q="SELECT Id FROM Lead").status_code == 403
    client.control("faults", verb="DELETE")
    assert client.call("GET", "query", q="SELECT Id FROM Lead").status_code == 200
    assert client.control("faults", expect=422, fault="nonsense")["error"].startswith(
        "ValueError: fault must be one of"
    )
    assert client.book()["outcomes"]["GET query Lead throttled"] == 1


# ── Outbound messages ────────────────────────────────────────────────────────────────────────────────────────────


class Ear:
    """Hears messages; answers each with the next of what it was given, the last one again and again."""

    def __init__(self, *answers):
        self.heard, self.answers = [], list(answers)
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                ear.heard.append(
                    (dict(self.headers.items()), self.rfile.read(int(self.headers["Content-Length"])).decode())
                )
                status, body = ear.answers.pop(0) if len(ear.answers) > 1 else ear.answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhooks/salesforce/secret"
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def ear(request):
    made = Ear(*getattr(request, "param", [(200, ACK.format("true"))]))
    yield made
    made.stop()


def test_a_change_is_told_with_the_latest_values_and_without_a_session(client, ear):
    client.control("orgs/update", target=ear.url, messages={"Opportunity": ["Amount", "IsWon", "Description"]})
    deal = client.control(
        "records", object="Opportunity", values={**DEAL, "Amount": 5, "Description": "a < b"}, send=False
    )["id"]
    lead(client)
    client.ask("PATCH", f"sobjects/Opportunity/{deal}", {"StageName": "Closed Won"})
    assert client.control("drain")["idle"]
    ((headers, body),) = ear.heard
    assert headers["Content-Type"] == "text/xml; charset=utf-8"
    for told in (f"<sf:Id>{deal}</sf:Id>", "<sf:Amount>5.0</sf:Amount>", "<sf:IsWon>true</sf:IsWon>", "a &lt; b", '<SessionId xsi:nil="true"/>', f"<OrganizationId>{client.org}<", f"/{client.org[:15]}<"):  # fmt: skip
        assert told in body
    assert client.book()["messages"] == {"messages acknowledged": 1, "notifications acknowledged": 1}


@pytest.mark.parametrize(
    "ear", [[(500, ""), (200, ACK.format("false")), (200, ""), (200, ACK.format("true"))]], indirect=True
)
def test_a_message_comes_again_until_it_is_acknowledged(client, ear):
    client.control("orgs/update", target=ear.url, messages={"Lead": ["Email"]})
    lead(client)
    assert client.control("drain")["idle"]
    assert len(ear.heard) == 4 and len({body for _, body in ear.heard}) == 1
    told = client.book()["messages"]
    assert {name: told[name] for name in ("messages 500", "messages refused", "messages acknowledged")} == {
        "messages 500": 1, "messages refused": 2, "messages acknowledged": 1,
    }  # fmt: skip


def test_a_message_holds_up_to_a_hundred_notifications_of_one_transaction(client, ear):
    client.control("orgs/update", target=ear.url, messages={"Account": []})
    records = [{"attributes": {"type": "Account"}, "Name": f"A{number}"} for number in range(150)]
    client.ask("POST", "composite/sobjects", {"records": records})
    assert client.control("drain")["idle"]
    assert sorted(body.count("<Notification>") for _, body in ear.heard) == [50, 100]


def test_a_message_may_be_sent_by_hand_as_often_as_wanted(client, ear):
    number = lead(client, Email="a@example.com")
    told = client.control("messages/send", records=[number], fields={"Lead": ["Email"]}, url=ear.url, copies=3)
    assert told == {"answers": {"acknowledged": 3}}
    assert client.control("messages/send", records=[number], url="http://127.0.0.1:9/")["answers"] == {
        "ConnectionError": 1
    }


@pytest.mark.contracts
@pytest.mark.skipif("CONTRACTS_DIR" not in os.environ, reason="CONTRACTS_DIR is not set")
@pytest.mark.parametrize(("name", "word"), [("ack-true", "acknowledged"), ("ack-false", "refused")])
def test_the_recorded_answers_to_a_message_are_understood(client, name, word):
    ear = Ear(
        (200, (Path(os.environ["CONTRACTS_DIR"]) / "salesforce" / "outbound-message" / f"{name}.xml").read_text())
    )
    try:
        assert client.control("messages/send", records=[lead(client)], url=ear.url)["answers"] == {word: 1}
    finally:
        ear.stop()


# ── Licences ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_an_org_has_no_licence_for_is_not_there(client):
    names = {row["name"] for row in client.ask("GET", "sobjects")["sobjects"]}
    assert not {"LoyaltyProgram", "Referral", "TransactionJournal", "Voucher"} & names
    event = {"inputs": [{"eventType": "Refer", "referralCode": "A-B"}]}
    assert client.call("POST", "actions/standard/processB2bReferralEvent", event).status_code == 404
    path = "connect/loyalty/programs/Tea/program-processes/Credit"
    assert client.call("POST", path, {"processParameters": []}).status_code == 404
    client.control("orgs/update", licences=["loyalty"])
    names = {row["name"] for row in client.ask("GET", "sobjects")["sobjects"]}
    assert {
        "LoyaltyProgram",
        "LoyaltyProgramMember",
        "TransactionJournal",
        "Voucher",
    } <= names and "Referral" not in names


def test_a_purchase_of_a_referred_account_issues_vouchers_and_again_when_it_is_told_again(client):
    client.control("orgs/update", licences=["referral"])
    account = client.control("records", object="Account", values={"Name": "A"})["id"]
    bought = {"eventType": "Purchase", "referralCode": "A-B", "accountId": account, "purchaseAmount": 40000}
    event = {"inputs": [bought]}
    for number in (1, 2):
        (told,) = client.ask("POST", "actions/standard/processB2bReferralEvent", event)
        assert told["isSuccess"] and told["outputValues"]["accountId"] == account
        assert len(client.query("SELECT Id FROM Voucher")) == 2 * number
    output = told["outputValues"]
    assert [row["transactionJournalId"] for row in output["voucherList"]] == output["transactionJournalIds"]
    answer = client.call("POST", "actions/standard/processB2bReferralEvent", {"inputs": [{"eventType": "Purchase"}]})
    assert answer.status_code == 400 and answer.json()[0]["isSuccess"] is False
    client.control("orgs/update", refuses="The promotion is over")
    assert client.call("POST", "actions/standard/processB2bReferralEvent", event).json()[0]["errors"]


def test_points_are_credited_for_each_call_and_a_refusal_stands_in_an_answer_of_200(client):
    client.control("orgs/update", licences=["loyalty"])
    contact = client.control("records", object="Contact", values={"LastName": "L"})["id"]
    number = client.enrol(contact, "Tea")
    path = "connect/loyalty/programs/Tea/program-processes/Credit"
    journal = {"ActivityDate": "2026-01-01T00:00:00Z", "ExternalTransactionNumber": "k", "TransactionAmount": "45.0"}
    journal["MemberId"] = number
    body = {"processParameters": [{"TransactionJournal": journal, "PointsToCredit": 100.0}]}
    for _ in range(2):
        assert client.ask("POST", path, body)["status"] is True
    heap = "SELECT PointsBalance FROM LoyaltyMemberCurrency"
    assert [row["PointsBalance"] for row in client.query(heap)] == [200.0]
    more = {"processParameters": [{"TransactionJournal": journal, "PointsToDebit": 201.0}]}
    assert client.ask("POST", path.replace("Credit", "Debit"), more)["status"] is False
    assert [row["PointsBalance"] for row in client.query(heap)] == [200.0]
    asked = "SELECT Id, TransactionAmount FROM TransactionJournal WHERE ExternalTransactionNumber = 'k'"
    assert [row["TransactionAmount"] for row in client.query(asked)] == [45.0, 45.0]
    client.control("orgs/update", refuses="No such member")
    told = client.call("POST", path, body)
    assert (told.status_code, told.json()["status"], told.json()["message"]) == (200, False, "No such member")
    assert client.call("POST", path.replace("Tea", "Cup"), body).status_code == 404


# ── The control API ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_control_request_that_makes_no_sense_is_told_so(client):
    assert "POST /_control/nothing" in client.control("nothing", expect=404)["error"]
    assert "there is no org 00D9" in client.control("orgs/update", expect=404, org="00D9")["error"]
    assert "has no record x" in client.control("save", expect=404, id="x", values={})["error"]
    assert "INVALID_FIELD" in client.control("records", expect=422, object="Lead", values={"Nope": 1})["error"]
    assert "REQUIRED_FIELD_MISSING" in client.control("records", expect=422, object="Lead", values={})["error"]


def test_the_state_shows_all_records_and_the_book_whose_hand_it_was(client):
    number = lead(client, Email="a@example.com")
    client.ask("PATCH", f"sobjects/Lead/{number}", {"Email": "b@example.com"})
    client.control("delete", id=number)
    (org,) = client.control("state", verb="GET")["orgs"]
    (shown,) = org["records"]["Lead"]
    assert (shown["Email"], shown["IsDeleted"]) == ("b@example.com", True)
    mails = [(e["old"], e["new"], e["by"]) for e in client.book()["entries"] if e["field"] == "Email"]
    assert mails == [(None, "a@example.com", "person"), ("a@example.com", "b@example.com", "api")]
    assert client.book()["calls"] == {"PATCH sobjects/Lead/{id}": 1}
