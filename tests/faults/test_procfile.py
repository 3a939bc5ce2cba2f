"""The Procfile as it is written: what a host starts is enough for an order to become a credit."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.e2e.procfile import Host
from tests.faults.conftest import MakePlant
from tests.faults.plant import ROOT


def test_the_procfile_as_written_takes_an_order_to_its_credit(make_plant: MakePlant, open_folder: Path) -> None:
    plant = make_plant(migrated=False)
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with Host(ROOT, {**plant.environment, "PATH": programs}, open_folder) as host:
        host.run("release")
        host.run("release")  # every deploy runs it again
        host.start("web", port=plant.port)
        plant.until(plant.answers, "the web server to answer")
        for name in ("worker", "sweeper"):
            host.start(name)
        shop = plant.open_shop("annas-tea")
        plant.send(shop.order(shop.enrol("anna@example.com")))
        plant.until(lambda: shop.totals()["rewards"] == {"issued": 1}, "the reward to be issued")
        serving = [process for process in host.processes if process.name != "release"]
        assert all(process.running for process in serving)
        for process in serving:
            process.signal(signal.SIGTERM)
        ends = {process.name: process.wait(30) for process in serving}
    assert shop.credits() == [800] and plant.sends()[0] == 1
    assert ends == {"web": 0, "worker": 0, "sweeper": 0}, "a deploy asks each to finish, and each does"
