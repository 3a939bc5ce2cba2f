"""`python -m adapters.hubspot.sandbox --port 4002`."""

from __future__ import annotations

import argparse

from adapters.hubspot.sandbox import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="adapters.hubspot.sandbox", description="A stand-in for HubSpot on loopback.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4002)
    arguments = parser.parse_args()
    serve(arguments.host, arguments.port)
