"""What the processor starts after boot: one wake, then Standby."""

from firmware.app import step
from firmware.boards.collar_l476 import build


def main() -> None:
    """Build the board, do one step, sleep; does not return on the collar."""
    board = build()
    try:
        step(board)
    finally:
        board.standby()


if __name__ == "__main__":
    main()
