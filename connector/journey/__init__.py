"""The one way: a delivery becomes facts, facts become a decision, a decision becomes exactly one effect."""
