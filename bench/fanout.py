"""One change to many browsers: frames a second of our hub beside plain aiohttp sending the same bytes.

    python bench/fanout.py [--rounds 5] [--frames 40000] [--sockets 100 1000]

A burst is one frame to every socket: a progress cell, rendered beforehand. All bursts go through the same aiohttp
server in this process; the sockets are held by a second process that reads and acknowledges. "send_str" awaits
`ws.send_str(text)` for each; "raw" builds the frame once and writes it to each transport, which is the limit of what
Python on aiohttp can do; "hub" is `Hub.publish` with its pause between frames set to (almost) zero. At most two
bursts are under way. "+ acks": every socket answers every frame, as pages do, and the server reads and parses the
answers; without, each burst is answered once, by whoever gets it last. Variants take turns in each round.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import time
from collections import Counter
from dataclasses import dataclass

from aiohttp import web
from crowd import answer_bursts, raise_file_limit
from senders import Sender, SendStr, sender
from support import SPAWN, paired, show_table, until

from arqboard.protocol import Job
from arqboard_dashboard import frames
from arqboard_dashboard.frames import Fragment
from arqboard_dashboard.live import MAX_MESSAGE, PING_SECONDS, Ack, parse
from arqboard_dashboard.render import Renderer
from arqboard_dashboard.views import Look

KEY = "prog:8d1f0c8d6f8a4b0e9d53b1a2c7e4f601"
#: Frames a second, and µs of CPU of the server for each.
Figures = tuple[float, float]
WARM_UP = 3
UNDER_WAY = 2


class Gate:
    """Lets a burst go when the one before the last has been answered."""

    def __init__(self, answers: int) -> None:
        self._answers = answers
        self._seen: Counter[int] = Counter()
        self._done, self._moved = 0, asyncio.Event()

    def answered(self, seq: int) -> None:
        self._seen[seq] += 1
        if self._seen[seq] == self._answers:
            self._done = max(self._done, seq)
            self._moved.set()

    async def done(self, seq: int) -> None:
        while self._done < seq:
            self._moved.clear()
            await asyncio.wait_for(self._moved.wait(), 60)


@dataclass(frozen=True, slots=True)
class Variant:
    way: str
    all_answer: bool

    @property
    def name(self) -> str:
        return f"{self.way} + acks" if self.all_answer else self.way

    @property
    def limit(self) -> Variant:
        """What it is compared with."""
        return Variant("raw", self.all_answer)


VARIANTS = [Variant(way, all_answer) for all_answer in (False, True) for way in ("send_str", "raw", "hub")]


class Hall:
    """The server, with the sockets of one variant at a time."""

    def __init__(self) -> None:
        self.sender: Sender = SendStr()
        self.gate = Gate(1)
        self.open = 0

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(heartbeat=PING_SECONDS, max_msg_size=MAX_MESSAGE, compress=False)
        await ws.prepare(request)
        assert request.transport is not None
        sender, gate = self.sender, self.gate
        member = sender.join(ws, request.transport)
        self.open += 1
        async for message in ws:
            ack = parse(message.data)
            assert isinstance(ack, Ack)
            sender.ack(member, ack.seq)
            gate.answered(ack.seq)
        sender.leave(member)
        self.open -= 1
        return ws

    async def fill(self, variant: Variant, count: int) -> None:
        self.sender = sender(variant.way, KEY, variant.all_answer)
        self.gate = Gate(count if variant.all_answer else 1)
        await until(lambda: self.open == count)

    async def bursts(self, fragments: list[Fragment]) -> None:
        first = fragments[0].version
        for fragment in fragments:
            await self.gate.done(max(first - 1, fragment.version - UNDER_WAY))
            await self.sender.send(fragment)
        await self.gate.done(fragments[-1].version)


def cells(count: int) -> list[Fragment]:
    """That many renderings of one progress cell."""
    renderer = Renderer()
    look = Look(now=0, alive=frozenset({"worker-1"}), base="/", form_token="", build="", static="/static")
    record = {
        "function": b"send_newsletter", "queue": b"arq:queue", "state": b"running", "enqueued": b"1", "run_at": b"1",
        "position": b"1", "version": b"1", "worker": b"worker-1", "total": b"100000", "unit": b"mails",
        "reported": b"9000", "base_at": b"1000", "base_done": b"0",
    }  # fmt: skip
    jobs = [Job.from_hash(KEY.partition(":")[2], {**record, "done": b"%d" % (10_000 + n)}) for n in range(1, count + 1)]
    return [Fragment(KEY, n, renderer.prog(job, look, oob=True)) for n, job in enumerate(jobs, 1)]


async def measure(hall: Hall, port: int, variant: Variant, count: int, fragments: list[Fragment]) -> Figures:
    client = SPAWN.Process(target=answer_bursts, args=(port, count, len(fragments), variant.all_answer), daemon=True)
    client.start()
    await hall.fill(variant, count)
    await hall.bursts(fragments[:WARM_UP])
    began, cpu = time.perf_counter(), _cpu()
    await hall.bursts(fragments[WARM_UP:])
    took, used = time.perf_counter() - began, _cpu() - cpu
    await until(lambda: not hall.open)
    await asyncio.to_thread(client.join)
    assert client.exitcode == 0
    sent = count * (len(fragments) - WARM_UP)
    return sent / took, used / sent * 1e6


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure_all(rounds: int, total: int, crowds: list[int]) -> dict[tuple[int, Variant], list[Figures]]:
    hall = Hall()
    app = web.Application()
    app.router.add_get("/ws", hall.socket)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    port = int(runner.addresses[0][1])
    seen: dict[tuple[int, Variant], list[Figures]] = {(count, variant): [] for count in crowds for variant in VARIANTS}
    for n in range(rounds):
        for count in crowds:
            fragments = cells(total // count + WARM_UP)
            for variant in VARIANTS[n % len(VARIANTS) :] + VARIANTS[: n % len(VARIANTS)]:
                seen[count, variant].append(await measure(hall, port, variant, count, fragments))
    await runner.cleanup()
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=40_000)
    parser.add_argument("--sockets", type=int, nargs="+", default=[100, 1000])
    options = parser.parse_args()
    raise_file_limit()
    seen = asyncio.run(measure_all(options.rounds, options.frames, options.sockets))
    rows: list[list[str]] = []
    for (count, variant), rounds in seen.items():
        rates, costs = zip(*rounds, strict=True)
        best_rates, best_costs = zip(*seen[count, variant.limit], strict=True)
        by_rate, by_cost = paired(rates, best_rates) * 100, paired(best_costs, costs) * 100
        rate, cost = statistics.median(rates), statistics.median(costs)
        rows.append(
            [f"{variant.name}, {count:,}", f"{rate:,.0f}", f"{by_rate:.0f} %", f"{cost:.1f}", f"{by_cost:.0f} %"]
        )
    show_table(["variant, sockets", "frames/s", "of raw", "CPU µs/frame", "of raw by CPU"], rows)
    print(f"\nOne frame has {len(frames.patch(1, cells(1)))} bytes.")


if __name__ == "__main__":
    main()
