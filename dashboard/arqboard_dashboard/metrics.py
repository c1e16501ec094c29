"""What Prometheus may know: requests, sockets, frames, how far the feed lags, and of the jobs what exporter.py says."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from .appkeys import FEED, HUB, METRICS, READER
from .exporter import Seen
from .place import mount

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})


class Metrics:
    """One registry for each application, so that two in one process don't mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "arqboard_http_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "arqboard_http_request_seconds", "Time to answer.", ["route", "method"], buckets=BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self.seen: Seen | None = None
        """as read for the scrape under way; None where Redis did not answer"""


class _Live(Collector):
    """Numbers that others keep, read when they are asked for."""

    def __init__(self, app: web.Application) -> None:
        self._app = app

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        hub, feed, seen = self._app[HUB], self._app[FEED], self._app[METRICS].seen
        yield GaugeMetricFamily("arqboard_sockets", "Open browser sockets.", hub.sockets)
        yield CounterMetricFamily("arqboard_frames", "Frames sent to browsers.", hub.frames_sent)
        yield CounterMetricFamily("arqboard_fragments", "HTML fragments in them.", hub.fragments_sent)
        yield CounterMetricFamily("arqboard_frame_bytes", "Bytes in them.", hub.bytes_sent)
        yield CounterMetricFamily("arqboard_slow_sockets_closed", "Sockets closed for not reading.", hub.slow_closed)
        yield GaugeMetricFamily(
            "arqboard_feed_lag_seconds", "From a message to its fragments, last time.", feed.lag_ms / 1000
        )
        age = time.monotonic() - feed.last_look
        yield GaugeMetricFamily("arqboard_feed_age_seconds", "Since the feed last saw what is true.", age)
        yield GaugeMetricFamily("arqboard_store_up", "Whether Redis answered this scrape.", float(seen is not None))
        if seen is not None:
            yield from seen.families()


def watch(app: web.Application) -> None:
    app[METRICS].registry.register(_Live(app))


@web.middleware
async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer by route, never by address: addresses are without number."""
    began = time.perf_counter()
    response = await handler(request)
    route, method = _route(request), request.method if request.method in METHODS else "other"
    metrics = request.app[METRICS]
    metrics.requests.labels(route, method, str(response.status)).inc()
    if response.status != HTTPStatus.SWITCHING_PROTOCOLS:
        metrics.seconds.labels(route, method).observe(time.perf_counter() - began)
    return response


async def scrape(request: web.Request) -> web.Response:
    metrics = request.app[METRICS]
    try:
        metrics.seen = await Seen.read(request.app[READER])
    except (RedisError, OSError):
        metrics.seen = None
    return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    if resource is None:
        return "none"
    return resource.canonical.removeprefix(mount(request.app)) or "/"
