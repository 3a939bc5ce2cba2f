"""`python -m adapters.shopify.sandbox --port 4001`."""

from __future__ import annotations

import argparse

from adapters.shopify.sandbox import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="adapters.shopify.sandbox", description="A stand-in for Shopify on loopback.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4001)
    arguments = parser.parse_args()
    serve(arguments.host, arguments.port)
