"""A file of customers to import, with mistakes in it, the same each time it is made."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path
from typing import IO

from .files import write_whole

NAMES = ["Ada", "Björn", "Chinwe", "Dolores", "Emre", "Frida", "Giang", "Hana", "Iñaki", "Jūratė", "Kofi"]
CITIES = ["Aarhus", "Bogotá", "Cork", "Dakar", "Essen", "Faro", "Graz", "Hanoi", "Izmir", "Kraków", "Lagos"]
MISTAKES = [("email", "no address"), ("age", "-3"), ("age", "forty"), ("balance", "12,50 €"), ("name", "")]
COLUMNS = ["name", "email", "city", "age", "balance"]


def export_customers(folder: Path, rows: int, bad_every: int) -> Path:
    """A CSV of that many rows; every `bad_every`th has a mistake (0: none)."""
    path = folder / f"customers-{rows}-{bad_every}.csv"
    return path if path.exists() else write_whole(path, lambda file: _write(file, rows, bad_every))


def _write(file: IO[bytes], rows: int, bad_every: int) -> None:
    rng = random.Random(rows)
    with io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True) as text:
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        for number in range(1, rows + 1):
            row = customer(rng, number)
            if bad_every and number % bad_every == 0:
                row.update([rng.choice(MISTAKES)])
            writer.writerow(row)


def customer(rng: random.Random, number: int) -> dict[str, str]:
    name = rng.choice(NAMES)
    return {
        "name": name,
        "email": f"customer{number}@example.org",
        "city": rng.choice(CITIES),
        "age": str(rng.randint(18, 99)),
        "balance": f"{rng.uniform(-500, 9000):.2f}",
    }
