"""What TLS would cost on an RP2040, on the emulated chip: python -m tools.bench.tls."""
