"""The lines between rooms: what a platform must offer, and what the store must offer, to the journey."""
