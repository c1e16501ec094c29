from typing import Any

from arqboard import chain, chord, chunks, group, task


@task
async def download(ctx: dict[str, Any], url: str) -> str:
    """Fetch a picture; returns its path."""
    return url.rsplit("/", 1)[-1]


@task
async def resize(ctx: dict[str, Any], path: str, width: int) -> str:
    """Scale a picture; returns the path of the small one."""
    return f"{width}-{path}"


@task
async def publish(ctx: dict[str, Any], paths: list[str], album: str) -> str:
    """Put pictures into an album."""
    return f"{album}: {', '.join(paths)}"


@task
async def mail_batch(ctx: dict[str, Any], users: list[int], subject: str) -> int:
    """Mail a hundred users."""
    return len(users)


@task
async def sum_up(ctx: dict[str, Any], sent: list[int]) -> int:
    return sum(sent)


def album(urls: list[str], name: str) -> chain:
    """Each picture is fetched and scaled, all beside each other; when the last one is there, they are published."""
    pictures = (chain(download.s(url), resize.s(width=640)) for url in urls)
    return chord(pictures, publish.s(album=name))


def three_sizes(url: str) -> chain:
    """One download, three pictures of it."""
    return download.s(url) | group(resize.s(width) for width in (320, 640, 1280))


def mail_everybody(users: list[int], subject: str) -> chain:
    """100,000 users in batches of 100: a thousand jobs, one bar."""
    batches = chunks.spread(users, size=100, task=mail_batch, kwargs={"subject": subject})
    return chord(batches, sum_up.s())


class WorkerSettings:
    functions = [download, resize, publish, mail_batch, sum_up]
