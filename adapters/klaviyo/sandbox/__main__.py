"""`python -m adapters.klaviyo.sandbox --port 4004`."""

from __future__ import annotations

import argparse

from adapters.klaviyo.sandbox import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="adapters.klaviyo.sandbox", description="A stand-in for Klaviyo on loopback.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4004)
    arguments = parser.parse_args()
    serve(arguments.host, arguments.port)
