"""The event loop's lag, seen from another thread."""

from __future__ import annotations

import asyncio
import threading

from waiting import eventually

from arqboard.pulse import EVERY, Pulse


async def test_a_loop_that_is_free_has_no_lag_to_speak_of() -> None:
    pulse = Pulse(asyncio.get_running_loop())
    assert pulse.lag_ms() == 0, "it has not been started"
    pulse.start()

    async def beats_in_time() -> bool:
        pulse.lag_ms()
        await asyncio.sleep(EVERY * 2)  # two beats
        return pulse.lag_ms() < 200

    await eventually(beats_in_time)  # a machine that is busy with other things keeps this loop waiting too
    pulse.stop()


async def test_a_block_is_seen_while_it_lasts_and_once_when_it_is_over() -> None:
    pulse, seen, over = Pulse(asyncio.get_running_loop()), [0.0], threading.Event()
    pulse.start()

    def watch() -> None:
        while seen[-1] < 100:
            seen.append(pulse.lag_ms())
        over.set()

    threading.Thread(target=watch, daemon=True).start()
    over.wait()  # blocks the loop until the thread has seen that it is blocked
    assert seen[-1] >= 100
    await asyncio.sleep(0.001)  # the loop turns once: the late beat comes
    assert pulse.lag_ms() >= 100
    assert pulse.lag_ms() < 100, "told once"
    pulse.stop()
    pulse.stop()
    assert pulse.lag_ms() == 0, "it has been stopped"
