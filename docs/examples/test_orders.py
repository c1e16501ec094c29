import orders
import pytest

from arqboard.protocol import State
from arqboard.testing import Kit, recorder

pytest_plugins = ["arqboard.testing"]


@pytest.mark.asyncio
async def test_a_day_is_charged_and_summed_up(arqboard_kit: Kit) -> None:
    await arqboard_kit.use(orders.WorkerSettings)
    day = arqboard_kit.board.workflow(await orders.submit_day([5, 7, 9]))
    await arqboard_kit.run_until_idle(raise_errors=True)  # the minute before the second try is skipped
    assert await day.result() == "3 orders, 21.00 €"


@pytest.mark.asyncio
async def test_a_declined_card_fails_its_order(arqboard_kit: Kit) -> None:
    await arqboard_kit.use(orders.WorkerSettings)
    handle = await orders.charge.submit(13)
    [job] = await arqboard_kit.run_until_idle()
    assert (job.state, job.tries) == (State.FAILED, 1)
    assert arqboard_kit.progress(handle)[-1].note == "asking the bank about order 13"


@pytest.mark.asyncio
async def test_reminders_go_out_four_times_a_day(arqboard_kit: Kit) -> None:
    await arqboard_kit.use(orders.WorkerSettings)
    assert len(await arqboard_kit.travel(days=1)) == 4
    assert {job.function for job in await arqboard_kit.run_until_idle()} == {"remind"}


@pytest.mark.asyncio
async def test_charge_by_itself() -> None:
    with recorder() as seen:
        assert await orders.charge(seen.ctx, 5) == 500
    assert seen.notes == ["asking the bank about order 5"]
