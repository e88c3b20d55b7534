"""tools/probe against the twin, over a pseudo-terminal and over TCP."""
