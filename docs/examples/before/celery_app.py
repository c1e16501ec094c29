from celery import Celery, chord
from celery.exceptions import SoftTimeLimitExceeded
from celery.schedules import crontab

app = Celery("shop", broker="redis://127.0.0.1:6379/0", backend="redis://127.0.0.1:6379/1")


@app.task
def price(order):
    return order * 100


def order():
    price.apply_async((8,), countdown=60)
    return price.delay(7).get(timeout=10)


@app.task(autoretry_for=(ConnectionError,), max_retries=4, retry_backoff=2, retry_backoff_max=300)
def charge(order):
    return ask_bank(order)


@app.task(bind=True, max_retries=4)
def follow_parcel(self, order):
    if not is_delivered(order):
        raise self.retry(countdown=30)
    return "delivered"


@app.task(soft_time_limit=20, time_limit=30)
def export(orders):
    lines = []
    try:
        for number in orders:
            line = write_line(number)
            lines.append(line)
    except SoftTimeLimitExceeded:
        lines.append("and more")
    return lines


@app.task(bind=True)
def import_rows(self, rows):
    for number, row in enumerate(rows, start=1):
        save(row)
        self.update_state(state="PROGRESS", meta={"done": number, "total": len(rows)})


@app.task
def sum_up(prices):
    return sum(prices)


def close_day(orders):
    return chord(price.s(number) for number in orders)(sum_up.s()).get(timeout=60)


@app.task
def remind():
    return "reminded"


app.conf.timezone = "Europe/Berlin"
app.conf.beat_schedule = {
    "remind": {"task": remind.name, "schedule": crontab(hour=9, minute=0, day_of_week="mon-fri")},
}


def ask_bank(order):
    return f"order {order} is paid"


def is_delivered(order):
    return True


def write_line(order):
    return f"order {order}"


def save(row):
    pass
