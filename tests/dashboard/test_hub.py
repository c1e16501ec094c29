"""What a socket is told, when, and in how many frames. The wire is a list; time is the event loop's."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import eventually

from arqboard_dashboard import frames
from arqboard_dashboard.frames import Fragment
from arqboard_dashboard.hub import Hub, Socket


def unframed(frame: bytes) -> tuple[int, bytes]:
    """Opcode and payload of one whole, unmasked frame."""
    assert frame[0] & 0x80, "it has to be final"
    length, start = frame[1], 2
    if length == 126:
        length, start = int.from_bytes(frame[2:4], "big"), 4
    elif length == 127:
        length, start = int.from_bytes(frame[2:10], "big"), 10
    assert len(frame) == start + length
    return frame[0] & 0x0F, frame[start:]


@dataclass
class FakeWire:
    """Takes everything, or nothing while `is_stuck`."""

    frames: list[tuple[float, bytes]] = field(default_factory=list)
    is_stuck: bool = False
    is_aborted: bool = False
    is_ended: bool = False

    def write(self, data: bytes, /) -> None:
        self.frames.append((asyncio.get_running_loop().time(), data))

    def write_eof(self) -> None:
        self.is_ended = True

    def get_write_buffer_size(self) -> int:
        return 100_000 if self.is_stuck else 0

    def abort(self) -> None:
        self.is_aborted = True

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for _, frame in self.frames for code, payload in [unframed(frame)] if code == 1]

    @property
    def patches(self) -> list[str]:
        return [message["content"] for message in self.messages if message["t"] == "patch"]

    @property
    def times(self) -> list[float]:
        return [when for when, _ in self.frames]

    @property
    def close_codes(self) -> list[int]:
        found = [unframed(frame) for _, frame in self.frames]
        return [int.from_bytes(payload, "big") for code, payload in found if code == 8]


def joined(hub: Hub, *keys: str) -> tuple[FakeWire, Socket]:
    wire = FakeWire()
    socket = hub.join(wire)
    hub.watch(socket, dict.fromkeys(keys, 0))
    return wire, socket


def ack_all(hub: Hub, socket: Socket) -> None:
    hub.ack(socket, 10**30)


@pytest.fixture
def unswept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub looks once a second for what has been left; here nothing may be."""
    monkeypatch.setattr(Hub, "_sweep_later", lambda hub: None)


async def test_a_fragment_goes_to_those_who_watch_its_key() -> None:
    hub = Hub()
    alice, _ = joined(hub, "row:1", "row:2")
    bob, _ = joined(hub, "row:2")

    hub.publish("row:1", 7, "<p>one</p>")
    hub.publish("row:2", 8, "<p>two</p>")

    await eventually(lambda: alice.patches and bob.patches)
    assert alice.patches == ["<p>one</p><p>two</p>"]
    assert bob.patches == ["<p>two</p>"]
    assert hub.fragments["row:1"] == Fragment("row:1", 7, "<p>one</p>")
    assert (hub.frames_sent, hub.fragments_sent) == (2, 3)


async def test_the_first_change_after_a_quiet_spell_goes_out_at_once() -> None:
    hub = Hub(flush=30)
    wire, _ = joined(hub, "row:1")

    hub.publish("row:1", 1, "one")

    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert wire.patches == ["one"]


async def test_later_changes_wait_and_the_newest_replaces_the_older() -> None:
    hub = Hub(flush=0.5, window=10)
    wire, _ = joined(hub, "row:1")
    hub.publish("row:1", 0, "0")
    await eventually(lambda: wire.patches, every=0)

    for version in range(1, 6):
        hub.publish("row:1", version, str(version))
        await asyncio.sleep(0)

    await eventually(lambda: len(wire.patches) == 2)
    assert wire.patches == ["0", "5"]
    assert wire.times[1] - wire.times[0] >= 0.499


async def test_a_browser_that_does_not_paint_gets_two_frames_and_then_the_newest_state() -> None:
    hub = Hub(flush=0.01)
    wire, socket = joined(hub, "row:1", "row:2")
    for version in range(30):
        hub.publish("row:1", version, f"[1 v{version}]")
        hub.publish("row:2", version, f"[2 v{version}]")
        await asyncio.sleep(0.005)
    assert len(wire.patches) == 2
    assert socket.mailbox.dirty.keys() == {"row:1", "row:2"}

    ack_all(hub, socket)

    await eventually(lambda: len(wire.patches) == 3)
    assert wire.patches[2] == "[1 v29][2 v29]"


async def test_a_late_ack_frees_only_what_it_names() -> None:
    hub = Hub(flush=0.01)
    wire, socket = joined(hub, "row:1")

    async def told(version: int) -> list[str]:
        hub.publish("row:1", version, str(version))
        await asyncio.sleep(0.05)
        return wire.patches

    assert await told(0) == ["0"]
    assert await told(1) == ["0", "1"]
    hub.ack(socket, wire.messages[0]["seq"])
    assert await told(2) == ["0", "1", "2"]
    hub.ack(socket, wire.messages[0]["seq"])
    assert await told(3) == ["0", "1", "2"]
    ack_all(hub, socket)
    assert await told(4) == ["0", "1", "2", "4"]
    assert await told(5) == ["0", "1", "2", "4", "5"], "an ack from the future frees what was sent, and nothing else"
    assert await told(6) == ["0", "1", "2", "4", "5"]


@pytest.mark.usefixtures("unswept")
async def test_a_frame_has_at_most_25_fragments_oldest_first() -> None:
    hub = Hub(flush=0.01, window=3)
    keys = [f"row:{n}" for n in range(60)]
    wire, _ = joined(hub, *keys)

    for n, key in enumerate(keys):
        hub.publish(key, 1, f"[{n}]")

    await eventually(lambda: len(wire.patches) == 3)
    assert [content.count("[") for content in wire.patches] == [25, 25, 10]
    assert "".join(wire.patches) == "".join(f"[{n}]" for n in range(60))


async def test_a_frame_is_filled_up_to_its_bytes_and_has_at_least_one_fragment() -> None:
    hub = Hub(flush=0.01, max_frame_bytes=1000, window=9)
    wire, _ = joined(hub, "a", "b", "c")

    for key, size in {"a": 600, "b": 600, "c": 5000}.items():
        hub.publish(key, 1, key * size)

    await eventually(lambda: len(wire.patches) == 3)
    assert [content[0] for content in wire.patches] == ["a", "b", "c"]


async def test_the_same_news_is_one_frame_for_all() -> None:
    hub = Hub()
    wires = [joined(hub, "row:1", "row:2")[0] for _ in range(50)]

    hub.publish("row:1", 1, 'é < " \\ \ud800')
    hub.publish("row:2", 1, "two")

    await eventually(lambda: all(wire.patches for wire in wires))
    assert len({id(wire.frames[0][1]) for wire in wires}) == 1
    assert wires[0].patches == ['é < " \\ ?two']


async def test_pages_that_show_the_same_are_decided_on_together() -> None:
    hub = Hub(flush=0.01)
    alice, bob, other = (joined(hub, *keys)[1] for keys in (("row:1", "row:2"), ("row:2", "row:1"), ("row:1",)))

    assert alice.mailbox is bob.mailbox
    assert other.mailbox is not alice.mailbox


async def test_who_falls_behind_gets_all_it_missed_and_then_goes_with_the_others_again() -> None:
    hub = Hub(flush=0.01)
    (quick, fast), (slow, lazy) = joined(hub, "row:1", "row:2"), joined(hub, "row:1", "row:2")
    for version in range(5):
        hub.publish("row:1", version, f"[1 v{version}]")
        await eventually(lambda: quick.patches[-1:] == [f"[1 v{version}]"])  # noqa: B023 - awaited in the same turn
        ack_all(hub, fast)
    assert slow.patches == ["[1 v0]", "[1 v1]"]
    assert lazy.mailbox is not fast.mailbox

    hub.publish("row:2", 9, "[2 v9]")
    ack_all(hub, lazy)
    await eventually(lambda: len(slow.patches) == 3)
    assert slow.patches[2] == "[1 v4][2 v9]"
    ack_all(hub, lazy)

    assert lazy.mailbox is fast.mailbox
    hub.publish("row:1", 5, "[1 v5]")
    await eventually(lambda: slow.patches[-1] == quick.patches[-1] == "[1 v5]")


async def test_who_is_told_something_of_its_own_goes_with_the_others_once_it_has_painted_that() -> None:
    hub = Hub(flush=0.01)
    _, early = joined(hub, "row:1")
    wire, late = joined(hub, "row:1")

    hub.offer(late, {"row:1": 3}, {"row:1": Fragment("row:1", 4, "[newer]")})

    assert late.mailbox is not early.mailbox
    await eventually(lambda: wire.patches == ["[newer]"])
    ack_all(hub, late)
    assert late.mailbox is early.mailbox


async def test_who_has_something_left_to_paint_does_not_go_with_the_others_yet() -> None:
    hub = Hub(flush=0.01)
    _, early = joined(hub, "row:1")
    wire, late = joined(hub, "row:1")
    for version in (1, 2):
        hub.offer(late, {"row:1": 0}, {"row:1": Fragment("row:1", version, "[own]")})
        await eventually(lambda: len(wire.patches) == version)  # noqa: B023 - awaited in the same turn
    first, second = (message["seq"] for message in wire.messages)

    hub.ack(late, first)
    assert late.mailbox is not early.mailbox
    hub.ack(late, second)
    assert late.mailbox is early.mailbox


async def test_who_comes_later_may_be_sent_as_much_as_the_others() -> None:
    hub = Hub(flush=0.01)
    early, socket = joined(hub, "row:1")
    for version in range(3):
        hub.publish("row:1", version, str(version))
        await eventually(lambda: early.patches[-1:] == [str(version)])  # noqa: B023 - awaited in the same turn
        ack_all(hub, socket)
    late, _ = joined(hub, "row:1")

    for version in (3, 4):
        hub.publish("row:1", version, str(version))
        await eventually(lambda: late.patches[-1:] == [str(version)])  # noqa: B023 - awaited in the same turn


@dataclass
class Reader:
    """A page that keeps what it was sent last of each key, and acknowledges what it has painted, once."""

    hub: Hub
    wire: FakeWire
    socket: Socket
    live: dict[str, int] = field(default_factory=dict)
    painted: int = 0

    def watch(self, keys: set[str]) -> None:
        self.paint()
        self.live = {key: self.live.get(key, 0) for key in keys}
        self.hub.watch(self.socket, self.live)
        self.hub.offer(self.socket, self.live, dict(self.hub.fragments))

    def paint(self, at_most: int | None = None) -> None:
        waiting = self.wire.messages[self.painted :]
        assert len(waiting) <= self.hub.window, "no more than this may be on the way"
        messages = waiting[:at_most]
        for message in messages:
            for key, version in re.findall(r"<(\w) (\d+)>", message["content"]):
                if key in self.live:
                    assert int(version) >= self.live[key], "what is older never comes later"
                    self.live[key] = int(version)
        self.painted += len(messages)
        if messages:
            self.hub.ack(self.socket, messages[-1]["seq"])


PAGES = st.integers(0, 3)
MOVES = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from("abc")),
    st.tuples(st.just("wait")),
    st.tuples(st.just("paint"), PAGES, st.sampled_from([1, 2])),
    st.tuples(st.just("clog"), PAGES),
    st.tuples(st.just("watch"), PAGES, st.sampled_from([{"a", "b"}, {"a", "b"}, {"c"}, {"a"}])),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(MOVES, max_size=40))
def test_whatever_happens_every_page_ends_with_the_newest_of_what_it_shows(script: list[tuple[Any, ...]]) -> None:
    asyncio.run(play(script))


async def play(script: list[tuple[Any, ...]]) -> None:
    hub = Hub(flush=0.001, max_frame_fragments=2, stall_seconds=60)
    readers = [Reader(hub, wire, hub.join(wire)) for wire in (FakeWire(), FakeWire(), FakeWire(), FakeWire())]
    newest = dict.fromkeys("abc", 0)

    def publish(key: str) -> None:
        newest[key] += 1
        hub.publish(key, newest[key], f"<{key} {newest[key]}>")

    def all_know() -> bool:
        for reader in readers:
            reader.paint()
        return all(hub.fragments[key].version == reader.live[key] for reader in readers for key in reader.live)

    for reader in readers:
        reader.watch({"a", "b"})
    for move in script:
        match move:
            case "publish", key:
                publish(key)
            case "paint", n, at_most:
                readers[n].paint(at_most)
            case "clog", n:
                readers[n].wire.is_stuck = not readers[n].wire.is_stuck
            case "watch", n, keys:
                readers[n].watch(keys)
            case _:
                await asyncio.sleep(0.002)
    for reader in readers:
        reader.wire.is_stuck = False
    for _ in range(3):
        for key in newest:
            publish(key)
        await eventually(all_know, every=0.001)
    alike = {frozenset(reader.live): reader.socket.mailbox for reader in readers}
    assert all(reader.socket.mailbox is alike[frozenset(reader.live)] for reader in readers)
    hub.shut_down()
    assert (hub.topics, hub.fragments) == ({}, {})


async def test_a_row_makes_the_pending_cell_inside_it_needless_but_not_a_later_one() -> None:
    hub = Hub(flush=0.01)
    wire, _ = joined(hub, "prog:1", "row:1")

    hub.publish("prog:1", 5, "[cell 5]")
    hub.publish("row:1", 5, "[row 5]", covers="prog:1")
    await eventually(lambda: wire.patches)
    assert wire.patches == ["[row 5]"]

    hub.publish("row:1", 6, "[row 6]", covers="prog:1")
    hub.publish("prog:1", 7, "[cell 7]")
    await eventually(lambda: len(wire.patches) == 2)
    assert wire.patches[1] == "[row 6][cell 7]"


@pytest.mark.usefixtures("unswept")
async def test_what_was_about_to_be_sent_still_is_when_the_page_shows_something_else() -> None:
    hub = Hub(flush=0.05)
    wire, socket = joined(hub, "row:1", "row:2")
    hub.publish("row:1", 1, "[1]")
    await eventually(lambda: wire.patches == ["[1]"], every=0)

    hub.publish("row:2", 1, "[2]")
    hub.watch(socket, {"row:2": 0})

    await eventually(lambda: wire.patches == ["[1]", "[2]"])


async def test_what_a_page_shows_already_is_not_sent_unless_it_depends_on_the_time() -> None:
    hub = Hub()
    wire, socket = joined(hub, "row:1", "row:2", "row:3")
    known = {
        "row:1": Fragment("row:1", 7, "[same]"),
        "row:2": Fragment("row:2", 9, "[newer]"),
        "row:3": Fragment("row:3", 7, "[running]", timed=True),
    }

    hub.offer(socket, dict.fromkeys(known, 7), known)

    await eventually(lambda: wire.patches)
    assert wire.patches == ["[newer][running]"]


async def test_events_are_added_up_until_they_can_be_sent() -> None:
    hub = Hub(flush=0.05)
    wire, _ = joined(hub, "list:")
    hub.event("list:", "live:stale", 1)
    await eventually(lambda: wire.messages)

    hub.event("list:", "live:stale", 2)
    hub.event("list:", "live:stale", 0)
    hub.event("list:other", "live:stale", 9)
    hub.event("list:", "live:stale", 3)

    await eventually(lambda: len(wire.messages) == 2)
    assert [message["n"] for message in wire.messages] == [1, 5]
    assert wire.messages[0] == {"t": "event", "key": "list:", "name": "live:stale", "n": 1}


async def test_what_nobody_watches_is_forgotten() -> None:
    hub = Hub()
    _, alice = joined(hub, "row:1", "row:2")
    _, bob = joined(hub, "row:2")
    for key in ("row:1", "row:2", "row:3"):
        hub.publish(key, 1, "x")
    hub.keep(Fragment("row:3", 1, "x"))
    assert hub.fragments.keys() == {"row:1", "row:2"}

    hub.watch(alice, {"row:2": 1})
    assert hub.fragments.keys() == hub.topics.keys() == {"row:2"}

    hub.drop(alice)
    hub.drop(alice)
    hub.drop(bob)
    assert (hub.sockets, hub.topics, hub.fragments) == (0, {}, {})
    await asyncio.sleep(0.05)


async def test_what_was_read_before_a_newer_one_came_is_not_kept() -> None:
    hub = Hub()
    joined(hub, "row:1")
    hub.publish("row:1", 5, "newer")

    hub.keep(Fragment("row:1", 4, "older"))

    assert hub.fragments["row:1"].html == "newer"


async def test_what_was_about_to_be_sent_is_forgotten_with_all_else() -> None:
    hub = Hub(flush=0.05)
    wire, _ = joined(hub, "row:1", "row:2")
    hub.publish("row:1", 1, "[1]")
    await eventually(lambda: wire.patches == ["[1]"], every=0)
    hub.publish("row:1", 2, "[2]")

    hub.forget()
    hub.publish("row:2", 1, "[of other data]")

    await eventually(lambda: wire.patches == ["[1]", "[of other data]"])


async def test_only_who_watches_a_key_is_told_of_it() -> None:
    hub = Hub()
    wire, socket = joined(hub, "list:")

    hub.tell(socket, "list:state=failed", "live:stale", 1)
    hub.tell(socket, "list:", "live:stale", 2)
    hub.drop(socket)
    hub.tell(socket, "list:", "live:stale", 3)

    assert [(message["key"], message["n"]) for message in wire.messages] == [("list:", 2)]


async def test_a_watch_set_is_bounded() -> None:
    hub = Hub(max_keys=3)
    _, socket = joined(hub, "a", "b", "c")

    with pytest.raises(ValueError, match="at most 3 keys"):
        hub.watch(socket, dict.fromkeys("abcd", 0))

    assert hub.topics.keys() == set("abc")


async def test_a_socket_that_takes_nothing_is_closed_and_hurts_no_other() -> None:
    hub = Hub(flush=0.01, stall_seconds=0.2, window=1000)
    stuck, _ = joined(hub, "row:1")
    well, _ = joined(hub, "row:1")
    stuck.is_stuck = True

    for version in range(40):
        hub.publish("row:1", version, str(version))
        await asyncio.sleep(0.01)

    await eventually(lambda: hub.slow_closed == 1)
    assert stuck.patches == []
    assert stuck.close_codes == [1013]
    assert hub.sockets == 1
    await eventually(lambda: well.patches[-1] == "39")
    assert well.close_codes == []
    await eventually(lambda: stuck.is_aborted)
    assert not well.is_aborted


async def test_a_socket_that_was_slow_for_a_moment_gets_the_newest_state() -> None:
    hub = Hub(flush=0.01, stall_seconds=60)
    wire, socket = joined(hub, "row:1")
    wire.is_stuck = True
    for version in range(5):
        hub.publish("row:1", version, str(version))
    await eventually(lambda: socket.stuck_since)
    assert wire.frames == []

    wire.is_stuck = False

    await eventually(lambda: wire.patches == ["4"])
    await eventually(lambda: socket.stuck_since is None)  # the next time it is slow counts anew


async def test_a_silent_socket_gets_heartbeats_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arqboard_dashboard.hub.HEARTBEAT_SECONDS", 0.05)
    hub = Hub(stall_seconds=0.1)
    wire, _ = joined(hub, "row:1")

    await eventually(lambda: len(wire.messages) >= 2)
    assert wire.messages[0] == wire.messages[1] == {"t": "hb"}


async def test_a_socket_that_takes_nothing_gets_no_heartbeats_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arqboard_dashboard.hub.HEARTBEAT_SECONDS", 0.05)
    hub = Hub(stall_seconds=0.4)
    stuck, _ = joined(hub, "row:1")
    well, _ = joined(hub, "row:1")
    stuck.is_stuck = True

    await eventually(lambda: hub.slow_closed == 1)
    assert well.messages[0] == {"t": "hb"}
    assert stuck.messages == []


async def test_shutting_down_asks_every_browser_to_come_back() -> None:
    hub = Hub()
    wires = [joined(hub, "row:1")[0] for _ in range(3)]
    hub.publish("row:1", 1, "x")

    hub.shut_down()

    assert [wire.close_codes for wire in wires] == [[1012]] * 3
    assert all(wire.is_ended for wire in wires)  # so nobody is waited for
    assert hub.sockets == 0
    await asyncio.sleep(0.05)
    assert wires[0].patches == []


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_frames_of_every_length_class_can_be_read(size: int) -> None:
    assert unframed(frames.text(b"x" * size)) == (1, b"x" * size)
