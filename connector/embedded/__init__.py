"""Servers for people who have none: PostgreSQL and Redis on UNIX sockets inside the data folder."""
