"""What prints parts of the documents from tables and data."""
