"""The plain twin of the guard's kernel."""
