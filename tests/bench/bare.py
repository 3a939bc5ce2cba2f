"""The least that could be called an intake: keeps the bytes under a key by one prepared INSERT, commits, says 200.

It verifies nothing, seals nothing, knows no merchant and wakes nobody. What the product's intake costs is measured against
this handler, in the same web server with the same settings.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import psycopg
from flask import Flask, request
from sqlalchemy import QueuePool, make_url

TABLE = "CREATE TABLE bare (id bigserial PRIMARY KEY, key text UNIQUE NOT NULL, body bytea NOT NULL)"
INSERT = "INSERT INTO bare (key, body) VALUES (%s, %s) ON CONFLICT DO NOTHING"
KEY_HEADER = "X-Key"


def address(url: str) -> str:
    """What psycopg by itself understands, of a DATABASE_URL."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def create_app() -> Flask:
    target = address(os.environ["DATABASE_URL"])
    # Autocommit: BEGIN, INSERT and COMMIT in one trip. One session for each of the server's threads.
    connect: Any = partial(psycopg.connect, target, autocommit=True)
    pool = QueuePool(connect, pool_size=4, max_overflow=0, reset_on_return=None)
    flask = Flask("bare")

    @flask.post("/")
    def keep() -> str:
        session = pool.connect()
        driver: Any = session.driver_connection
        try:
            driver.execute(INSERT, (request.headers[KEY_HEADER], request.get_data(cache=False)), prepare=True)
        finally:
            session.close()
        return ""

    @flask.get("/healthz")
    def alive() -> str:
        return "ok"

    return flask
