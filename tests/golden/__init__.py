"""Golden scenarios: each folder is a night with a story, its input and what it must give."""
