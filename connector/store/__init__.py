"""PostgreSQL, the product's only memory."""
