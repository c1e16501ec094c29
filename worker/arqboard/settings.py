"""What can be set about the worker toolkit: read once, from ARQBOARD_* or from `arqboard = {...}` in WorkerSettings."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ToolkitSettings(BaseSettings):
    """All times in seconds."""

    model_config = SettingsConfigDict(env_prefix="ARQBOARD_", frozen=True, extra="ignore")

    prefix: str = Field("arqboard:", min_length=1, max_length=100)
    """of our keys in Redis; installations with different prefixes don't see each other"""
    lease: float = Field(10.0, ge=1)
    """a job whose worker says nothing for so long starts again elsewhere"""
    heartbeat: float = Field(2.0, gt=0)
    """between two renewals of the leases"""
    flush: float = Field(0.1, gt=0)
    """between two writes of progress while somebody looks"""
    idle_flush: float = Field(0.3, gt=0)
    """the same while nobody looks"""
    keep_jobs: int = Field(100_000, ge=1)
    """ended jobs in the history"""
    keep_jobs_for: float = Field(7 * 86_400.0, gt=0)
    """age at which an ended job leaves the history"""
    max_crashes: int = Field(3, ge=1)
    """a job that has killed so many workers fails as such"""
    abort_grace: float = Field(10.0, ge=0)
    """a job that ignores its cancellation for so long is given up"""
    record: bool = True
    """False leaves the toolkit out of sight: progress and marks are dropped (for measuring their cost)"""

    @property
    def lease_ms(self) -> int:
        return int(self.lease * 1000)

    @property
    def keep_jobs_ms(self) -> int:
        return int(self.keep_jobs_for * 1000)
