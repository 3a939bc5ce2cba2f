"""Lanes: the one mechanism for work. A lane is worked by one worker at a time; a wake-up says only which lane."""
