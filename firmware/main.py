"""What the processor starts after boot: one wake, then Standby."""

from firmware.app import step
from firmware.boards.collar_l476 import build, sleep_without_board


def main() -> None:
    """Build the board, do one step, sleep; does not return on the collar, whatever fails."""
    board = None
    try:
        board = build()
        step(board)
    finally:
        if board is None:
            sleep_without_board()
        else:
            board.standby()


if __name__ == "__main__":
    main()
