"""What Prometheus scrapes."""

from __future__ import annotations

from board import Client, MakeClient, own_origin
from prometheus_client.parser import text_string_to_metric_families

from arqboard_dashboard.appkeys import BUILD


async def scrape(client: Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and labels."""
    answer = await client.get("/metrics")
    assert answer.status == 200
    families = text_string_to_metric_families(await answer.text())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


async def test_requests_are_counted_by_route(client: Client) -> None:
    for job_id in ("a", "b", "c"):
        await client.get(f"/jobs/{job_id}")

    samples = await scrape(client)

    route = {"route": "/jobs/{id}", "method": "GET"}
    assert samples["arqboard_http_requests_total", labels(**route, status="404")] == 3
    assert samples["arqboard_http_request_seconds_count", labels(**route)] == 3


async def test_made_up_addresses_and_methods_make_no_new_series(client: Client) -> None:
    for n in range(20):
        await client.request("PROPFIND", f"/nothing/{n}")

    samples = await scrape(client)

    assert samples["arqboard_http_requests_total", labels(route="none", method="other", status="403")] == 20


async def test_jobs_are_counted_by_state(client: Client) -> None:
    for _ in range(2):
        await client.post("/api/v1/jobs", json={"function": "nothing"})

    samples = await scrape(client)

    assert samples["arqboard_jobs", labels(state="queued")] == 2
    assert samples["arqboard_jobs", labels(state="failed")] == 0
    assert samples["arqboard_store_up", labels()] == 1


async def test_sockets_and_frames_are_counted(client: Client) -> None:
    async with client.ws_connect("/ws", origin=own_origin(client)) as socket:
        await socket.send_json({"t": "hello", "p": 1, "b": client.app[BUILD], "live": {}})
        await socket.receive(timeout=5)
        samples = await scrape(client)

    assert samples["arqboard_sockets", labels()] == 1
    for name in ("arqboard_frames_total", "arqboard_feed_lag_seconds", "arqboard_feed_age_seconds"):
        assert (name, labels()) in samples


async def test_without_redis_the_scrape_says_that(make_client: MakeClient) -> None:
    client = await make_client(redis_url="redis://127.0.0.1:1/0", redis=None)

    samples = await scrape(client)

    assert samples["arqboard_store_up", labels()] == 0
    assert ("arqboard_jobs", labels(state="queued")) not in samples
