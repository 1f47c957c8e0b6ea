"""The picture of the map in the README: `python -m hardware.chain.screenshot OUT.png`.

Shows the database of the last demo on the embedded server, or that of CAPRA_DATABASE_URL. Needs
the development extra (playwright) and a Chromium: that of CAPRA_CHROMIUM, else one on the path.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from backend.db import embedded
from backend.serve import signed_in

_SIZE = {"width": 1280, "height": 800}
_FLAGS = ["--no-sandbox", "--use-angle=swiftshader"]


def take(dsn: str, out: Path, chromium: str) -> None:
    """Serve a database, open its map and write the picture, 1280 x 800 pixels.

    Raises:
        RuntimeError: the server did not start.
        playwright.sync_api.Error: the page did not become ready.
    """
    from playwright.sync_api import sync_playwright

    server = subprocess.Popen(
        [sys.executable, "-m", "backend", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"CAPRA_DATABASE_URL": dsn},
    )
    try:
        assert server.stdout is not None
        words = server.stdout.readline().split()
        if len(words) < 2:
            raise RuntimeError("the server did not start")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
            page = browser.new_page(viewport=_SIZE)  # type: ignore[arg-type]
            page.goto(signed_in(dsn, words[1]))
            page.wait_for_selector("body[data-state=ready]")
            page.screenshot(path=out)
            browser.close()
    finally:
        server.terminate()
        server.wait()


def main(argv: list[str] | None = None) -> int:
    """Take the picture of the last demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.png")
    args = parser.parse_args(argv)
    chromium = os.environ.get("CAPRA_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        print("no Chromium: install Debian's package chromium", file=sys.stderr)
        return 1
    dsn = os.environ.get("CAPRA_DATABASE_URL") or embedded.start("capra_demo")
    take(dsn, args.out, chromium)
    print(f"wrote {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
