from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from arqboard import json_deserializer, json_serializer, task


@dataclass
class Line:
    product: str
    price: Decimal


@task
async def invoice(ctx: dict[str, Any], lines: list[Line], due: date) -> Decimal:
    """Arguments arrive as their hints say, whatever carried them."""
    return sum((line.price for line in lines), Decimal())


class WorkerSettings:
    functions = [invoice]
    job_serializer = json_serializer
    job_deserializer = json_deserializer
