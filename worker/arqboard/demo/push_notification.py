"""Send a signed message to a service that pushes it to somebody's phone."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

from aiohttp import ClientError, ClientSession, ClientTimeout
from pydantic import Field

from arqboard import Backoff, task

from .push_service import PushServer, sign


@task(
    max_tries=5,
    retry_on=(ClientError, TimeoutError),
    backoff=Backoff(base=0.5, cap=30),
    timeout=30,
    rate="50/s",
    burst=50,
)
async def push_notification(
    ctx: dict[str, Any],
    user_id: Annotated[int, Field(ge=1)] = 1,
    message: Annotated[str, Field(min_length=1, max_length=500)] = "Your order is on its way",
) -> dict[str, Any]:
    """Push a message to a user.

    It is signed with the time of sending, and carries the job's id as its key: a message that is sent again because
    the answer got lost is delivered once. Over all workers at most fifty go out in a second.
    """
    push: PushServer = ctx["push"]
    body = json.dumps({"user_id": user_id, "message": message}).encode()
    headers = {**signature(push.secret, body), "Idempotency-Key": ctx["job_id"], "Content-Type": "application/json"}
    async with (
        ClientSession(raise_for_status=True, timeout=ClientTimeout(total=10)) as session,
        session.post(push.url, data=body, headers=headers) as answer,
    ):
        receipt: dict[str, Any] = await answer.json()
    return {"user_id": user_id, "message_id": receipt["id"], "is_new": receipt["new"]}


def signature(secret: str, body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    return {"X-Timestamp": now, "X-Signature": f"sha256={sign(secret, now, body)}"}
