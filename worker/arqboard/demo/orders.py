"""What customers ordered: a database that is filled for the days somebody asks for, the same for each day."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from .website import PRODUCTS

CUSTOMERS, ORDERS_A_DAY = 200, 60
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True, slots=True)
class Order:
    """`cents` is the price of all its pieces."""

    day: date
    number: int
    customer: int
    product: str
    quantity: int
    cents: int


@dataclass(frozen=True, slots=True)
class Month:
    first: date

    @property
    def name(self) -> str:
        return f"{MONTHS[self.first.month - 1]} {self.first.year}"

    @property
    def following(self) -> Month:
        return Month((self.first + timedelta(days=31)).replace(day=1))

    def days(self, until: date) -> list[date]:
        """Those before `until`, which has not ended yet."""
        end = min(self.following.first, until)
        return [self.first + timedelta(days=n) for n in range((end - self.first).days)]


def last_months(today: date, count: int = 12) -> list[Month]:
    """So many months, the one of today being the last."""
    first = today.replace(day=1)
    months = [Month(first)]
    while len(months) < count:
        first = (first - timedelta(days=1)).replace(day=1)
        months.insert(0, Month(first))
    return months


def orders_of(database: Path, days: list[date], customer: int | None = None) -> list[Order]:
    """The orders of these days, of one customer or of all."""
    if not days:
        return []
    with opened(database) as db:
        _fill(db, days)
        rows = db.execute(
            "SELECT day, number, customer, product, quantity, cents FROM orders"
            " WHERE day BETWEEN ? AND ? AND (customer = ? OR ? IS NULL) ORDER BY day, number",
            (days[0].isoformat(), days[-1].isoformat(), customer, customer),
        ).fetchall()
    return [Order(date.fromisoformat(row[0]), *row[1:]) for row in rows]


def _fill(db: sqlite3.Connection, days: Iterable[date]) -> None:
    known = {row[0] for row in db.execute("SELECT DISTINCT day FROM orders")}
    missing = [day for day in days if day.isoformat() not in known]
    with db:
        for day in missing:
            db.executemany("INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?)", _made_up(day))


def _made_up(day: date) -> Iterator[tuple[str, int, int, str, int, int]]:
    rng = random.Random(day.toordinal())
    for number in range(1, ORDERS_A_DAY + 1):
        product = rng.choice(list(PRODUCTS))
        quantity = rng.choice([1, 1, 1, 2, 2, 3, 6])
        yield day.isoformat(), number, rng.randint(1, CUSTOMERS), product, quantity, quantity * PRODUCTS[product]


@contextmanager
def opened(database: Path) -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, timeout=30)) as db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS orders (day TEXT, number INTEGER, customer INTEGER, product TEXT,"
            " quantity INTEGER, cents INTEGER, PRIMARY KEY (day, number)) WITHOUT ROWID"
        )
        yield db
