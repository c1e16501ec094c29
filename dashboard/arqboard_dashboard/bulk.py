"""Acting on many jobs at once: those that are selected, or all that match the list's filter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from http import HTTPStatus

from aiohttp import web

from arqboard.protocol import ArqKeys, Job, Query, State
from arqboard.protocol.acting import Action, Wish, is_batch, new_batch
from arqboard.protocol.bulk import BULK, Bulk, count

from . import flashes
from .appkeys import COMMANDS, OVERVIEW, READER, RENDERER
from .bulk_views import BulksView, QuestionView
from .bulkform import BulkForm, query_of_text
from .guard import read_form
from .language import gettext
from .links import query_string
from .meters import Meter
from .pages.shell import html_response, is_htmx, page, see_other
from .parameters import bad_parameter
from .place import base, job_page
from .templating import called
from .told import of_answers, of_undone
from .views import Told

#: Bulk jobs that are shown at once; there is hardly ever more than one.
MAX_SHOWN = 5
#: Jobs that a question without scripts names.
NAMED = 200
_WAITING = (State.RUNNING, State.QUEUED, State.RETRYING, State.DEFERRED)


async def act(request: web.Request) -> web.Response:
    """Do it to the selected rows, or ask before it is done to all that match."""
    form = await BulkForm.read(request)
    if form.is_all:
        return await _to_all(request, form)
    if not form.ids:
        raise bad_parameter("id", gettext("no job is selected"))
    if _must_ask(request, form):
        return await _page(request, await _question_of_ids(request, form))
    return await _to_selected(request, form)


async def ask(request: web.Request) -> web.Response:
    """The question before something is done to all that match; its address says which."""
    form = BulkForm.of_address(request)
    return await _asked(request, await _question(request, form))


async def undo(request: web.Request) -> web.Response:
    """Take back what was done under a batch."""
    fields = await read_form(request)
    batch = fields.get("batch", "")
    if not is_batch(batch):
        wrong = gettext('"%(text)s" is not what an action can be undone by') % {"text": batch[:60]}
        raise bad_parameter("batch", wrong)
    undone = await request.app[COMMANDS].undo(batch)
    told = of_undone(undone)
    if is_htmx(request):
        return html_response(await _rows(request, list(undone)) + await note(request, told, oob=False))
    done = sum(answer == "done" for answer in undone.values())
    return see_other(request, _list(request, fields.get("query", "")), flashes.of_undone(done, len(undone) - done))


# Selected rows


def _must_ask(request: web.Request, form: BulkForm) -> bool:
    """With scripts the page has asked, or offers Undo afterwards."""
    is_grave = form.wish.action in (Action.ABORT, Action.DELETE)
    return is_grave and not form.is_confirmed and not is_htmx(request)


async def _to_selected(request: web.Request, form: BulkForm) -> web.Response:
    wish = replace(form.wish, batch=new_batch())
    answers = await request.app[COMMANDS].act(wish, form.ids)
    told = await of_answers(request.app[READER], wish, answers)
    if is_htmx(request):
        return html_response(await _rows(request, form.ids) + await note(request, told))
    left = sum(not answer.is_done for answer in answers.values())
    flash = flashes.of_bulk(wish, len(answers) - left, left, told)
    return see_other(request, _list(request, form.query_text), flash)


async def _rows(request: web.Request, job_ids: list[str] | tuple[str, ...]) -> str:
    """The rows as they are now, wherever they are on the page."""
    renderer, look = request.app[RENDERER], await request.app[OVERVIEW].look()
    found = await request.app[READER].many(job_ids)
    return "".join(
        renderer.gone("row", job_id) if job is None else renderer.row(job, look, oob=True)
        for job_id, job in zip(job_ids, found, strict=True)
    )


async def note(request: web.Request, told: Told, *, oob: bool = True) -> str:
    """A note about what was done, for the corner; with `oob` beside whatever else is answered."""
    look = await request.app[OVERVIEW].look()
    return request.app[RENDERER].part("done", look, oob=oob, told=told)


async def _question_of_ids(request: web.Request, form: BulkForm) -> QuestionView:
    found = await request.app[READER].many(form.ids)
    names = tuple(called(job) if job else i for i, job in zip(form.ids[:NAMED], found, strict=False))
    return QuestionView(form.wish, form.query, form.query_text, len(form.ids), ids=form.ids, names=names)


# All that match


async def _to_all(request: web.Request, form: BulkForm) -> web.Response:
    question = await _question(request, form)
    if not form.is_confirmed or question.total == 0:
        return await _asked(request, question)
    if question.must_type and _digits(form.typed) != str(question.total):
        problem = gettext("Type the number of jobs as it is shown.")
        return await _asked(request, replace(question, problem=problem), HTTPStatus.UNPROCESSABLE_ENTITY)
    started = await start(request.app, form.wish, form.query)
    if not is_htmx(request):
        return see_other(request, job_page(request.app, started.job_id), "bulk_started")
    told = Told(_said(started), url=job_page(request.app, started.job_id), refreshes=True)
    answer = html_response(await note(request, told))  # its bar is pushed: what is answered here might be over by then
    answer.headers["HX-Reswap"] = "none"  # the dialog closes when an answer leaves it as it is
    return answer


@dataclass(frozen=True, slots=True)
class Started:
    """A bulk job that was submitted, or that waits or runs already. `has_worker`: somebody is there to run it."""

    job_id: str
    total: int
    is_new: bool
    has_worker: bool


async def start(app: web.Application, wish: Wish, query: Query) -> Started:
    """Submit a bulk job. Raises NotForThese where the filter asks for jobs that the action is not for."""
    reader = app[READER]
    total = await count(reader, wish.action, query)
    queue, has_worker = await _queue_for(app, query)
    bulk = Bulk(wish, query, until=await reader.now_ms(), total=total)
    done = await app[COMMANDS].submit(bulk.submission(queue))
    return Started(done.job_id, total, done.is_new, has_worker)


async def _queue_for(app: web.Application, query: Query) -> tuple[str, bool]:
    """A queue whose workers take jobs now, that of the filter if it is one; and whether there is any."""
    overview = app[OVERVIEW]
    paused = {queue.name for queue in await overview.queues.get() if queue.paused}
    ready = Counter(w.queue for w in await overview.workers.get() if w.alive and not w.draining)
    served = [name for name, _ in ready.most_common() if name not in paused]
    if query.queue in served:
        return query.queue, True
    return (served[0], True) if served else (query.queue or ArqKeys.default_queue, False)


async def _question(request: web.Request, form: BulkForm) -> QuestionView:
    total = await count(request.app[READER], form.wish.action, form.query)
    _, has_worker = await _queue_for(request.app, form.query)
    is_exact = not form.query.is_scan
    text = query_string(replace(form.query, after=None, before=None))
    return QuestionView(form.wish, form.query, text, total, is_exact, has_worker=has_worker)


async def _asked(request: web.Request, view: QuestionView, status: int = HTTPStatus.OK) -> web.Response:
    """In a dialog over the list, or on a page of its own."""
    if not is_htmx(request):
        return await _page(request, view, status)
    look = await request.app[OVERVIEW].look()
    return _into_dialog(request.app[RENDERER].part("bulk_question", look, view=view), status)


def _into_dialog(html: str, status: int = HTTPStatus.OK) -> web.Response:
    response = html_response(html, status)
    response.headers.update({"HX-Retarget": "#bulk-ask", "HX-Reswap": "innerHTML"})
    return response


async def _page(request: web.Request, view: QuestionView, status: int = HTTPStatus.OK) -> web.Response:
    return await page(request, "pages/bulk_question.html", view, active="jobs", title=view.label, status=status)


def _said(started: Started) -> str:
    if not started.is_new:
        return gettext("This is being done already, by a bulk job of the same kind.")
    if not started.has_worker:
        return gettext("It is queued as a job. No worker runs, so it waits for one.")
    return gettext("It runs as a job, and can be stopped.")


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdecimal())


def _list(request: web.Request, query_text: str) -> str:
    """Back to the list that the form stood under."""
    text = query_string(replace(query_of_text(query_text), after=None, before=None))
    return f"{base(request.app)}/jobs" + (f"?{text}" if text else "")


# Those under way


async def bulks_of(app: web.Application) -> BulksView:
    """Bulk jobs that have not ended, the one that runs first."""
    pages = [await app[READER].page(Query(state=state, function=BULK, limit=MAX_SHOWN)) for state in _WAITING]
    jobs = [job for found in pages for job in found.jobs if isinstance(job, Job)]
    _, has_worker = await _queue_for(app, Query())
    return BulksView(jobs[:MAX_SHOWN], has_worker)


async def _read(app: web.Application, name: str) -> str:
    view, look = await bulks_of(app), await app[OVERVIEW].look()
    return app[RENDERER].part("bulks", look, oob=True, bulks=view)


METERS = (Meter("bulks", _read, seconds=0.5),)
