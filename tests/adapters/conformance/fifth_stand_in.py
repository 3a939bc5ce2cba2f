"""The stand-in of the platform in `fifth_platform`, and its Driver for the conformance suite."""

FILES = {
    "adapters/parcel/sandbox/__init__.py": '''
"""Parcel's stand-in: every public method of World is a question that may be posted to it."""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class World:
    def __init__(self, token: str = "parcel-token") -> None:
        self.token, self.objects, self.moves, self.lock = token, {}, {}, threading.RLock()

    def add(self, kind, email="", person="", net=0, code=""):
        number = f"{len(self.objects) + 1}-{kind}"
        at = datetime.now(UTC).isoformat()
        row = {"at": at, "email": email.casefold(), "person": person or number, "net": net, "code": code, "fields": {}}
        self.objects[number] = row
        return number

    def account(self):
        return {"currency": "EUR"}

    def read(self, ids):
        return {number: self.objects[number] for number in ids if number in self.objects}

    def person(self, email):
        return next((n for n, row in self.objects.items() if n.endswith("-person") and row["email"] == email), None)

    def credit(self, key, person, minor):
        return self._move("credit", key, person, minor)

    def debit(self, key, person, minor):
        return self._move("debit", key, person, minor)

    def _move(self, kind, key, person, minor):
        if person not in self.objects:
            raise ValueError("nobody")
        new = {"id": f"{kind}-{key}", "holder": f"{person}-account", "at": datetime.now(UTC).isoformat()}
        return self.moves.setdefault((kind, key), {**new, "kind": kind, "person": person, "minor": minor})

    def look(self, kind, key):
        return self.moves.get((kind, key))

    def left(self, ids):
        found = {move["id"]: move["minor"] - move.get("spent", 0) for move in self.moves.values()}
        return [found.get(number) for number in ids]

    def balance(self, person):
        mine = [move for move in self.moves.values() if move["person"] == person]
        return sum(move["minor"] * (1 if move["kind"] == "credit" else -1) for move in mine)

    def write(self, id, new, was):
        held = self.objects[id]["fields"]
        if any(held.get(name) != value for name, value in was.items()):
            return False
        held.update(new)
        return True

    def book(self):
        return list(self.moves.values())


def server(port=0):
    world = World()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            data = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, answer = 401, {}
            if self.headers.get("Authorization") == world.token:
                try:
                    with world.lock:
                        status, answer = 200, {"answer": getattr(world, self.path[1:])(**data)}
                except (ValueError, KeyError):
                    status = 422
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    http.world = world
    return http
''',
    "adapters/parcel/sandbox/__main__.py": """
import sys

from adapters.parcel.sandbox import server

server(int(sys.argv[-1])).serve_forever()
""",
    "adapters/parcel/app/parcel.json": '{"name": "Referral Connector"}\n',
    "mappings/parcel.yaml": """
version: 1
platform: parcel
records:
  order:
    - {field: stage, type: text, from: referral.stage, write: always, help: Where the referral stands.}
""",
    "tests/adapters/conformance/parcel.py": '''
"""Parcel's stand-in, as the conformance suite drives it."""

import json
import threading

from adapters.parcel import inbound
from adapters.parcel.sandbox import server
from connector.domain.facts import ObjectRef
from connector.ports.inbound import Inbox
from tests.adapters.conformance import driver


class Driver(driver.Driver):
    settings = {"PARCEL_KEY": "key"}
    host = account = "annas.parcel.example"
    token = "parcel-token"
    signature = "parcel-signature"
    topics = ("order.paid",)
    outcomes = frozenset(inbound.OUTCOMES)

    def start(self):
        self.http, self.funded = server(), 0
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def person(self, email):
        return self.http.world.add("person", email)

    def spend(self, holding, amount):
        (move,) = [move for move in self.http.world.moves.values() if move["id"] == holding.transaction]
        move["spent"] = amount.minor

    def fund(self, person, capability, amount):
        self.funded += 1
        return self.http.world.credit(f"fund{self.funded}", person, amount.minor)["holder"]

    def objects(self, number):
        return [ObjectRef("order", self.http.world.add("order", "b@example.com")) for _ in range(number)]

    def missing(self):
        return ObjectRef("order", "999999-order")

    def effects(self, operation):
        moves = self.http.world.moves.items()
        return [m["minor"] for (kind, key), m in moves if kind == operation.direction and key[:4] != "fund"]

    def is_send(self, request, operation):
        return request.path == f"/{operation.direction}"

    def is_write(self, request):
        return request.path == "/write"

    def partly(self, operation):
        return False

    def fields(self):
        return [("stage", "text"), ("source", "text")]

    def ranks(self):
        return "pending", "converted"

    def set_field(self, ref, name, value):
        self.http.world.objects[ref.id]["fields"][name] = value

    def field(self, ref, name):
        return self.http.world.objects[ref.id]["fields"].get(name)

    def body(self, topic):
        return json.dumps({"id": "7-order", "code": "ANNA7"}).encode()

    def signed(self, body, secret, topic=""):
        topic = topic or "order.paid"
        mark = inbound.sign(secret, topic, self.account, body).decode()
        headers = {"parcel-signature": mark, "parcel-topic": topic, "parcel-account": self.account}
        return Inbox("POST", "/webhooks/parcel", headers, body)
''',
}
