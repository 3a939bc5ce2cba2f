import pytest
from tests.hub import Hub
@pytest.fixture
def hub(make_app):
    with Hub(make_app) as opened:
        yield opened
def test_first(hub):
    number, code = hub.advocate()
    hub.work()
    print(hub.properties("contacts", number))
    friend = hub.form("friend@example.org", ref=code)
    hub.work()
    print(hub.stages(), hub.properties("contacts", friend))
    deal = hub.deal(friend)
    hub.work()
    print(hub.stages(), hub.properties("deals", deal))
    hub.win(deal)
    hub.work()
    print(hub.stages(), hub.wallet(number), hub.properties("deals", deal), hub.properties("contacts", number))
    print(hub.rows("select what,subject,state,reason from task"))
    print(hub.rows("select state,reason,kind from reward"))
    hub.save("deals", deal, dealstage=hub.stages_of()[1])
    hub.work()
    print(hub.stages(), hub.wallet(number), hub.properties("contacts", number).get("referral_credit_history"))
    print(hub.client.book()["calls"])
    assert 0
