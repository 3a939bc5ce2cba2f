"""Files that merchants hand in and take out: programs in YAML, lists of advocates in CSV."""
