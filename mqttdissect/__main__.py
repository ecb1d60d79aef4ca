"""The program, by its name or as `python -m mqttdissect`."""

import gc

COLLECT_EVERY = 500_000  # objects; nearly none are in cycles, so that the collector mostly finds nothing


def main() -> None:
    """Run the command line. The collector hears of it first: while modules load, it would take a fifteenth of the
    start."""
    gc.set_threshold(COLLECT_EVERY, 50, 100)
    from mqttdissect.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
