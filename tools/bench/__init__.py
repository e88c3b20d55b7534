"""Figures with their method, their target and a rival measured in the same run."""
