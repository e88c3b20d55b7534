"""How the twin and the firmware meet: messages, prediction, signals, the process."""
