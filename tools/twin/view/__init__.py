"""What a person sees of a run: the live view, progress, the event log."""
