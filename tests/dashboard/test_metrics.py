"""What Prometheus scrapes."""

from __future__ import annotations

from typing import Any

from board import Client, MakeClient, own_origin
from prometheus_client.parser import text_string_to_metric_families

from arqboard.protocol import Keys, Outcome, Reader
from arqboard.protocol.commands import Commands, Ended, Submission
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


# Jobs, workers, queues


async def run(commands: Commands, function: str = "resize", error: str = "") -> None:
    """One job from its submission to its end."""
    await commands.submit(Submission(function, "arq:queue", b"p"))
    [attempt] = (await commands.claim("arq:queue", "w1", 1, lease_ms=10_000, max_crashes=3)).jobs
    ended = Ended(attempt.job_id, attempt.token, Outcome.FAILED if error else Outcome.SUCCEEDED, error_type=error)
    await commands.finish([ended], keep_jobs=1000, keep_jobs_ms=10**9)


async def test_jobs_are_counted_by_function_under_the_names_of_celerys_exporter(
    client: Client, commands: Commands
) -> None:
    await run(commands)
    await run(commands, error="OSError")
    await run(commands, "total")

    samples = await scrape(client)

    resize = labels(name="resize")
    for name, count in (("sent", 2), ("started", 2), ("succeeded", 1), ("retried", 0), ("revoked", 0), ("lost", 0)):
        assert samples[f"arq_task_{name}_total", resize] == count, name
    assert samples["arq_task_failed_total", labels(name="resize", exception="OSError")] == 1
    assert samples["arq_task_succeeded_total", labels(name="total")] == 1


async def test_durations_and_waits_are_histograms_in_seconds(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await commands.submit(Submission("resize", "arq:queue", b"p"))
    [attempt] = (await commands.claim("arq:queue", "w1", 1, lease_ms=10_000, max_crashes=3)).jobs
    await redis.hincrby(keys.job(attempt.job_id), "started", -3000)
    await commands.finish([Ended(attempt.job_id, attempt.token, Outcome.SUCCEEDED)], keep_jobs=9, keep_jobs_ms=10**9)

    samples = await scrape(client)

    buckets = {
        dict(found)["le"]: value
        for (name, found), value in samples.items()
        if name == "arq_task_runtime_seconds_bucket"
    }
    assert len(buckets) == 22
    assert (buckets["2.048"], buckets["4.096"], buckets["1048.576"], buckets["+Inf"]) == (0, 1, 1, 1)
    assert 3 <= samples["arq_task_runtime_seconds_sum", labels(name="resize")] < 4.096
    assert samples["arq_task_runtime_seconds_count", labels(name="resize")] == 1
    assert samples["arq_task_wait_seconds_count", labels(name="resize")] == 1


async def test_counters_go_on_when_a_minute_is_over(client: Client, commands: Commands, redis: Any, keys: Keys) -> None:
    await run(commands)
    minute = int(await redis.get(keys.stats_open))
    await redis.rename(keys.stats(minute), keys.stats(minute - 3))
    await redis.set(keys.stats_open, minute - 3)
    before = (await scrape(client))["arq_task_succeeded_total", labels(name="resize")]
    await run(commands)
    after = (await scrape(client))["arq_task_succeeded_total", labels(name="resize")]

    assert (before, after) == (1, 2)
    assert await redis.exists(keys.stats_totals)


async def test_workers_say_how_they_are(client: Client, redis: Any, keys: Keys, reader: Reader) -> None:
    now = await reader.now_ms()
    for worker, seen in (("w1", now), ("w2", now - 60_000)):
        await redis.zadd(keys.workers, {worker: seen})
        record = {"host": "web", "queue": "arq:queue", "slots": 4, "running": '["a"]', "lag_ms": 2.5, "rss": 1000}
        await redis.hset(keys.worker(worker), mapping=record)
    await redis.sadd(keys.queues, "arq:queue")

    samples = await scrape(client)

    one, dead = labels(hostname="web", worker="w1"), labels(hostname="web", worker="w2")
    assert (samples["arq_worker_up", one], samples["arq_worker_up", dead]) == (1, 0)
    said = [samples[f"arq_worker_{name}", one] for name in ("tasks_active", "slots", "rss_bytes")]
    assert said == [1, 4, 1000]
    assert samples["arq_worker_event_loop_lag_seconds", one] == 0.0025
    assert ("arq_worker_tasks_active", dead) not in samples
    queue = labels(queue_name="arq:queue")
    assert (samples["arq_active_worker_count", queue], samples["arq_active_process_count", queue]) == (1, 4)


async def test_queues_say_what_waits(
    client: Client, commands: Commands, redis: Any, keys: Keys, reader: Reader
) -> None:
    await commands.submit(Submission("resize", "arq:queue", b"p", job_id="j1"))
    await commands.submit(Submission("resize", "arq:queue", b"p", defer_ms=60_000))
    await redis.zadd(keys.jobs("queued", "arq:queue"), {"j1": await reader.now_ms() - 30_000})

    samples = await scrape(client)

    queue = labels(queue_name="arq:queue")
    assert samples["arq_queue_length", queue] == 1
    assert 30 <= samples["arq_queue_oldest_wait_seconds", queue] < 40


async def test_hostile_names_break_no_line(client: Client, commands: Commands) -> None:
    await run(commands, 'a"}\n# x{\\', error='E"\n')

    samples = await scrape(client)

    assert samples["arq_task_failed_total", labels(name='a"}\n# x{\\', exception='E"\n')] == 1
