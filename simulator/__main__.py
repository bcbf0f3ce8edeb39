"""`python -m simulator`: the bundled exchange on its own."""

from __future__ import annotations

import argparse
import sys
from decimal import Decimal
from pathlib import Path


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="simulator", description="Binance and BitMEX on this machine.")
    parser.add_argument("--home", type=Path, default=Path("home"), help="folder of simulator.db")
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1, 0 = any")
    parser.add_argument("--seed", type=int, default=1, help="seed of the market")
    parser.add_argument("--fresh", action="store_true", help="begin with a new account")
    parser.add_argument("--replay", type=Path, default=None, help="play a recorded session")
    parser.add_argument("--speed", type=Decimal, default=Decimal(1), help="so many times as fast (with --replay)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    from simulator.server import run

    return run(args.home, args.port, args.seed, args.fresh, args.replay, args.child, args.speed)


if __name__ == "__main__":
    sys.exit(main())
