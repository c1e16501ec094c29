"""A synchronous client for the lease thread, to the same server as the worker's own pool."""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio.connection as asynchronous
import redis.asyncio.sentinel as asynchronous_sentinel
from arq.connections import ArqRedis
from redis.sentinel import Sentinel as _Sentinel

from .protocol.client import BlockingClient

Sentinel: Any = _Sentinel  # redis-py leaves it untyped

#: A heartbeat that gets no answer within this time (seconds) is given up and tried on a new connection.
ANSWER_WITHIN = 3.0

_CARRIED = (
    "host", "port", "path", "db", "username", "password", "client_name",
    "ssl_keyfile", "ssl_certfile", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_data", "ssl_check_hostname",
)  # fmt: skip


def synchronous_client(pool: ArqRedis) -> BlockingClient:
    """A blocking client with short deadlines."""
    source: Any = pool.connection_pool
    timeouts: dict[str, Any] = {"socket_timeout": ANSWER_WITHIN, "socket_connect_timeout": ANSWER_WITHIN}
    options = {k: v for k, v in source.connection_kwargs.items() if k in _CARRIED and v is not None}
    if isinstance(source, asynchronous_sentinel.SentinelConnectionPool):
        return _through_sentinel(source, options, timeouts)
    if issubclass(source.connection_class, asynchronous.UnixDomainSocketConnection):
        return redis.Redis(unix_socket_path=options.pop("path"), **options, **timeouts)
    options.pop("path", None)
    uses_tls = issubclass(source.connection_class, asynchronous.SSLConnection)
    if not uses_tls:
        options = {k: v for k, v in options.items() if not k.startswith("ssl_")}
    return redis.Redis(ssl=uses_tls, **options, **timeouts)


def _through_sentinel(source: Any, options: dict[str, Any], timeouts: dict[str, Any]) -> BlockingClient:
    nodes = [s.connection_pool.connection_kwargs for s in source.sentinel_manager.sentinels]
    sentinel: Any = Sentinel([(n["host"], n["port"]) for n in nodes], socket_timeout=ANSWER_WITHIN)
    named = {k: v for k, v in options.items() if k in ("db", "username", "password")}
    return sentinel.master_for(source.service_name, **named, **timeouts)
