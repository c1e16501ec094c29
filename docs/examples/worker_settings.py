import os

from arq.connections import RedisSettings
from tasks import compress_logs

TOOLKIT = {"keep_jobs_for": 30 * 86_400, "max_crashes": 1}


class WorkerSettings:
    functions = [compress_logs]
    redis_settings = RedisSettings.from_dsn(os.environ["REDIS_URL"])
    max_jobs = 20
    job_timeout = 3600
    job_completion_wait = 30
    arqboard = TOOLKIT
