"""`python -m adapters.salesforce.sandbox --port 4003`."""

from __future__ import annotations

import argparse

from adapters.salesforce.sandbox import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="adapters.salesforce.sandbox", description="A stand-in for Salesforce on loopback."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4003)
    arguments = parser.parse_args()
    serve(arguments.host, arguments.port)
