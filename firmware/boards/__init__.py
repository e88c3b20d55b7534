# islet: the board the firmware runs on.
# GPL-3.0-or-later


def current():
    """The board of this image. A chip's image freezes its own board file only."""
    from firmware.boards.host import Board

    return Board()
