"""Write a store again and again in processes that are ended at random moments of the writing.

``python store_deaths.py FOLDER TIMES`` prints one JSON line for each end: what a reader finds afterwards.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import pandas as pd

from kostnadsvekst.sources.store import read_store, write_store

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def tables(number: int) -> dict[str, pd.DataFrame]:
    return {f"t{i}": pd.DataFrame({"value": [float(number)] * 50}) for i in range(14)}


def write_until_ended(folder: Path, number: int) -> None:
    try:
        while True:
            number += 1
            write_store(folder, tables(number), {})
    except KeyboardInterrupt:
        os._exit(130)
    finally:
        os._exit(99)


def find(folder: Path, code: int) -> dict[str, object]:
    store = read_store(folder)
    values = {name: float(table["value"].max()) for name, table in store.tables.items()}
    left = [path.name for path in folder.parent.iterdir() if path != folder]
    return {"code": code, "values": values, "own": (folder / "own.txt").read_text(), "left": len(left)}


def main() -> None:
    folder, times = Path(sys.argv[1]) / "place" / "store", int(sys.argv[2])
    chance = random.Random(20)
    write_store(folder, tables(0), {})
    (folder / "own.txt").write_text("own")
    started = time.monotonic()
    write_store(folder, tables(1), {})
    one_writing = time.monotonic() - started
    for i in range(times):
        number = int(read_store(folder).tables["t0"]["value"].max())
        child = os.fork()
        if not child:
            write_until_ended(folder, number)
        time.sleep(chance.uniform(0.2, 3) * one_writing)
        os.kill(child, SIGNALS[i % 3])
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps(find(folder, code)), flush=True)


if __name__ == "__main__":
    main()
