"""Where it is proven: servers and stand-ins of its own, every way between them breakable, every process mortal."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import Request, urlopen
from uuid import UUID

from redis import Redis, RedisError

from connector import prove
from connector.cli.account import install
from connector.cli.care import take_up
from connector.cli.run import Processes
from connector.cli.stand_ins import StandIn, answers, environment, free_port, stand_ins, until
from connector.embedded import postgres
from connector.embedded import redis as embedded_redis
from connector.embedded.process import living
from connector.errors import ConnectorError
from connector.journey import enrol
from connector.lanes import due
from connector.ports.market import Market, Place
from connector.prove.chaos import Chaos, Misfortune
from connector.prove.post import Post
from connector.prove.sales import PERCENT, Stall
from connector.prove.wire import Breaks, Wire
from connector.store import merchants, migrate, reports
from connector.wiring import App, open_app

Say = Callable[[str], None]
_ADVOCATES = tuple(f"advocate{number}@example.com" for number in range(12))
_BREAKS = Breaks(before=0.01, after=0.02, slow=0.02)
_GROWN_S = 5.0
#: Between two rounds in which somebody buys on each platform, and between two looks at what was paid, in seconds.
_ROUND_S, _LOOK_S = 0.4, 3.0
#: Of the time, how long people buy; for the rest they only give back.
_SELLING = 0.7
#: What share of the rewards is paid before nothing breaks any more, unless it takes so many times as long.
_MOST, _LONGEST = 0.8, 3
_SETTLE_S = 240.0
#: What a platform takes in bulk stands in its books a moment later.
_RECORDED_S = 3.0
#: Short, because what is proven is what becomes of a doubt, and not how long one waits for it.
_QUICK = {
    "SWEEP_SECONDS": "0.5",
    "CALL_SECONDS": "4",
    "DEADLINE_SECONDS": "2",
    "SLICE_SECONDS": "3",
    "LEASE_SECONDS": "9",
    "QUIET_SECONDS": "4",
    "GATHER_SECONDS": "0",
    "WORKER_SLOTS": "2",
}


@dataclass
class Ground:
    """All of it, running. stalls: where people buy; ears: who hears of which stall; owners: the merchant of each stall."""

    app: App
    folder: Path
    database: postgres.EmbeddedPostgres
    redis_url: str
    post: Post
    processes: Processes
    dice: random.Random
    wires: list[Wire] = field(default_factory=list)
    places: list[tuple[str, Place]] = field(default_factory=list)
    stalls: list[Stall] = field(default_factory=list)
    ears: list[dict[str, Any]] = field(default_factory=list)
    owners: dict[str, UUID] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    #: How many rewards were seen in the platforms' books.
    paid: int = 0
    #: When each process was last started anew.
    born: dict[str, float] = field(default_factory=dict)

    # ── Before ───────────────────────────────────────────────────────────────────────────────────────────────────

    def join(self, stand_in: StandIn, place: Place) -> None:
        """An account, connected. A platform that listens stands beside the first at which people buy."""
        key, name = stand_in.adapter.manifest.key, stand_in.adapter.manifest.label
        account, token = place.open(f"{self.post.url}/webhooks/{key}", stand_in.secret, _ADVOCATES)
        merchant = merchants.ensure(self.app.database, f"Merchant {max(1, len(self.stalls) + (not stand_in.listens))}")
        install(self.app, key, account, token, lambda: merchant)
        self.places.append((stand_in.url, place))
        tally = Path(cast("str", stand_in.module.__file__)).with_name("tally.py")
        if stand_in.listens:
            self.ears.append({"name": name, "url": stand_in.url, "tally": str(tally)})
            return
        market = cast("Market", place)
        with self.app.database.begin(merchant) as tx:
            program = tx.programs.apply(market.program).id
            codes = {email: enrol.enrol(tx, program, email).code for email in _ADVOCATES}
        self.stalls.append(Stall(name, stand_in.url, tally, market, codes, self.dice))
        self.owners[name] = merchant

    # ── Meanwhile ────────────────────────────────────────────────────────────────────────────────────────────────

    def live(self, seconds: float, say: Say) -> None:
        """People buy, and give back what was paid for, for so long, and everything breaks meanwhile.

        It goes on breaking until most of it was paid, or nothing would be proven on a slow machine.
        """
        chaos = Chaos(self.dice, self._misfortunes(seconds), self._mend)
        self._trouble()
        chaos.start()
        started = looked = time.monotonic()
        while (now := time.monotonic()) - started < seconds or (self._owing and now - started < _LONGEST * seconds):
            if now - started < seconds * _SELLING:
                for stall in self.stalls:
                    stall.sell()
            if now - looked > _LOOK_S:
                self._give_back()
                looked = now
                say(f"  {now - started:4.0f} s  {self._sold} sales, {self.paid} paid, {chaos.done.total()} misfortunes")
            time.sleep(_ROUND_S)
        chaos.stop()
        self.done["movements meanwhile"] = self.paid
        self.done.update(chaos.done)

    @property
    def _sold(self) -> int:
        return sum(len(stall.sales) for stall in self.stalls)

    @property
    def _owing(self) -> bool:
        """Whether most of it is still to be paid."""
        return self.paid < _MOST * self._sold

    def _misfortunes(self, seconds: float) -> Sequence[Misfortune]:
        kills = [
            Misfortune(f"{name} killed", lambda name=name: self._kill(name))  # type: ignore[misc]
            for name in self.processes.commands
            if name != "web"
        ]
        others = [
            Misfortune("web process killed", self._kill_web, 2),
            Misfortune("PostgreSQL dropped", self._drop, most=1 + int(seconds // 30)),
        ]
        return [*kills, *others, *([Misfortune("Redis emptied", self._flush, 2)] if self.redis_url else [])]

    def _kill(self, name: str) -> bool:
        """One that still loads is spared: its death would prove nothing."""
        grown = time.monotonic() - self.born.get(name, 0) > _GROWN_S
        if grown:
            self.processes.kill(name)
            self.processes.start(name)
            self.born[name] = time.monotonic()
        return grown

    def _kill_web(self) -> bool:
        """One of the processes that answer; their master makes a new one."""
        master = self.processes.children["web"].pid
        forked = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        if forked:
            os.kill(int(self.dice.choice(forked)), signal.SIGKILL)
        return bool(forked)

    def _flush(self) -> bool:
        try:
            with Redis.from_url(self.redis_url, socket_timeout=5) as redis:
                redis.flushall()
        except RedisError as error:
            raise ConnectorError(f"Redis could not be emptied: {error}") from error
        return True

    def _drop(self) -> bool:
        """An immediate shutdown: no session is told, nothing is flushed that was not committed."""
        os.kill(self.database.pid, signal.SIGQUIT)
        until(lambda: not living(self.database.folder, None), "PostgreSQL to be gone")
        self.database.stop()
        self.database = postgres.start(self.folder)
        return True

    def _mend(self) -> None:
        """Start again what ended by itself, as a host does."""
        ended = [name for name, child in self.processes.children.items() if child.poll() is not None]
        if ended:
            self.processes.start(*ended)
            self.done["ended by itself, started again"] += len(ended)

    def _trouble(self) -> None:
        for wire in self.wires:
            wire.breaks = _BREAKS
        for url, place in self.places:
            for fault in place.faults:
                _control(url, "POST", {**fault, "seed": self.dice.randrange(2**32)})

    # ── Afterwards ───────────────────────────────────────────────────────────────────────────────────────────────

    def calm(self, say: Say) -> int:
        """Nothing breaks any more; waits for all work to end. Returns how many merchants' work did not."""
        self._mend()
        for wire in self.wires:
            wire.calm()
            self.done.update(wire.done)
        for url, _ in self.places:
            for fault in _control(url, "GET"):
                self.done["said no or lost an answer"] += fault["fired"]
            _control(url, "DELETE")
            _control(url, "POST", {"timeout_s": 30}, "drain")
        self.app.database.engine.dispose()  # its sessions ended with the server
        try:
            until(self._settled, "all work to end", _SETTLE_S)
        except ConnectorError as error:
            say(str(error))
            left = {n: m for n, m in self.owners.items() if not reports.settled(self.app.database, m)}
            for name, merchant in left.items():
                say(f"  {name}: {reports.totals(self.app.database, merchant)}")
            return len(left)
        finally:
            self.done.update(self.post.done)
        time.sleep(_RECORDED_S)
        return 0

    def _settled(self) -> bool:
        """Whoever was unlucky several times would wait for minutes; the command that an operator has for it is used."""
        for merchant in self.owners.values():
            take_up(self.app, merchant)
        return self.post.idle and all(reports.settled(self.app.database, each) for each in self.owners.values())

    def count(self, *, ledgers: bool = True) -> dict[str, Any]:
        """What the stand-ins' own books say, by a process that imports nothing of ours."""
        stalls = [each.plan(self._ledger(each.name) if ledgers else None) for each in self.stalls]
        ears = [{**ear, "of": self.stalls[0].name} for ear in self.ears]
        plan = json.dumps({"percent": PERCENT, "markets": stalls, "ears": ears})
        script = Path(prove.__path__[0]) / "count.py"
        done = subprocess.run([sys.executable, "-I", script], input=plan, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConnectorError(f"the count failed: {done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def _give_back(self) -> None:
        found = self.count(ledgers=False)
        self.paid = sum(len(found[stall.name]["found"]) for stall in self.stalls)
        for stall in self.stalls:
            stall.give_back(set(found[stall.name]["found"]))

    def _ledger(self, stall: str) -> int:
        """What our books say was paid, less what was taken back."""
        books = reports.totals(self.app.database, self.owners[stall])["ledger"]
        return -sum(int(line["amount"]) for line in books if line["book"] == "issued")

    def waiting(self) -> int:
        """What waits for a person."""
        return sum(len(reports.needs_person(self.app.database, each)) for each in self.owners.values())


@contextmanager
def ground(folder: Path, dice: random.Random) -> Iterator[Ground]:
    """Servers, stand-ins and processes, with everybody connected and nothing broken yet; they end with the block."""
    with ExitStack() as opened:
        database, redis = postgres.start(folder), embedded_redis.start(folder)
        redis_url = opened.enter_context(redis).url if redis else ""
        post = opened.enter_context(Post(port := free_port(), dice))
        stands = opened.enter_context(stand_ins("market"))
        environ = {**os.environ, **_QUICK, "DATABASE_URL": database.url, "REDIS_URL": redis_url, "PORT": str(port)}
        environ |= {"DATA_DIR": str(folder), "PUBLIC_URL": post.url, "MAIL_SERVER": ""}
        environ |= {name: dice.randbytes(16).hex() for name in ("SECRET_KEY", "ENCRYPTION_KEYS")}
        wires, places = [], []
        for each in stands:
            wires.append(wire := opened.enter_context(_wire(each, dice)))
            places.append(place := cast("Place", each.module.open_market(each.url)))
            environ |= environment(each, place.base_url.replace(each.url, wire.url))
        os.environ.clear()
        os.environ.update(environ)
        app = opened.enter_context(open_app())
        migrate.migrate(app.database.engine)
        processes = Processes(app, port=port, logs=folder)
        made = Ground(app, folder, database, redis_url, post, processes, dice, wires)
        opened.callback(lambda: made.database.stop())  # noqa: PLW0108 - by then it may be another one
        opened.callback(processes.stop)
        for each, place in zip(stands, places, strict=True):
            made.join(each, place)
        while waiting := due.lanes(app.database):  # what is set up on the platforms when an account is connected
            for lane in waiting:
                app.workshop.work(lane.id)
        processes.start()
        until(lambda: answers(port), "the web server to answer")
        yield made


def _wire(stand_in: StandIn, dice: random.Random) -> Wire:
    address = urlsplit(stand_in.url)
    return Wire(str(address.hostname), int(address.port or 0), random.Random(dice.random()))  # noqa: S311 - no secret


def _control(url: str, verb: str, data: dict[str, Any] | None = None, name: str = "faults") -> Any:
    """A page of a stand-in's control API: its switches of faults, if nothing else."""
    body = json.dumps(data).encode() if data is not None else None
    asked = Request(f"{url}/_control/{name}", body, {"Content-Type": "application/json"}, method=verb)  # noqa: S310 - ours
    with urlopen(asked, timeout=60) as answer:  # noqa: S310
        return json.load(answer)
