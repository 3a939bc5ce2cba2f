"""`connector prove`: the whole product under chaos for a minute, and its promises counted from the platforms' own books.

wire    each platform is reached over a line that breaks
post    webhooks come several times, late, out of order, until they are taken
chaos   processes are killed, Redis is emptied, PostgreSQL is dropped
sales   people buy, and some give it back
count   the verdict, by a process that knows nothing of this product
"""
