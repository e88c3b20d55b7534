"""The plain twin of sense's kernel."""
