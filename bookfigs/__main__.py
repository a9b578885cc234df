"""``bookfigs``: what is settled is said at once; else the command line is imported."""

import sys

from bookfigs.settled import answer


def main() -> None:
    """Answer, or run the command line."""
    try:
        said = answer(sys.argv[1:])
    except OSError:  # the command line says what it is
        said = None
    if said is not None:
        sys.stdout.write(said)
        return
    from bookfigs.cli import main as run  # noqa: PLC0415 - takes longer than to answer

    run()


if __name__ == "__main__":
    main()
