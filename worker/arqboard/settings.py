"""What can be set about the worker toolkit: read once, from ARQBOARD_* or from `arqboard = {...}` in WorkerSettings."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class ToolkitSettings(BaseSettings):
    """All times in seconds. A setting that does not exist or makes no sense is refused."""

    model_config = SettingsConfigDict(env_prefix="ARQBOARD_", frozen=True, extra="forbid")

    prefix: str = Field(default="arqboard:", min_length=1, max_length=64)
    """of our keys in Redis; installations with different prefixes don't see each other"""
    lease: float = Field(default=10.0, ge=1, le=3600)
    """a job whose worker says nothing for so long starts again elsewhere"""
    heartbeat: float = Field(default=2.0, gt=0)
    """between two renewals of the leases; at most a third of the lease"""
    flush: float = Field(default=0.1, gt=0)
    """between two writes of progress while somebody looks"""
    idle_flush: float = Field(default=0.3, gt=0)
    """the same while nobody looks"""
    keep_jobs: int = Field(default=100_000, ge=1)
    """ended jobs in the history"""
    keep_jobs_for: float = Field(default=7 * 86_400.0, gt=0)
    """age at which an ended job leaves the history"""
    max_crashes: int = Field(default=3, ge=1)
    """a job that has killed so many workers fails as such"""
    abort_grace: float = Field(default=10.0, ge=0)
    """a job that ignores its cancellation for so long is given up"""
    release: str = Field(default="", max_length=100)
    """what is deployed, such as a version or commit; a new one makes a mark on the charts"""
    log_level: str = "INFO"
    """of the lines that are kept with the job that logged them; less is lost where the root logger's level is higher"""
    log_lines: int = Field(default=1_000, ge=0, le=100_000)
    """kept of one job, the newest; 0: none"""
    artefact_max: int = Field(default=5_000_000, ge=0, le=500_000_000)
    """bytes of one file that a job leaves in Redis"""
    record: bool = True
    """False drops progress and chunk marks (for measuring what they cost)"""

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, name: str) -> str:
        known = logging.getLevelNamesMapping()
        if name.upper() not in known:
            raise ValueError(f"log_level is {name!r}; it can be {', '.join(sorted(known, key=known.__getitem__))}")
        return name.upper()

    @model_validator(mode="after")
    def _renews_in_time(self) -> Self:
        if self.heartbeat > self.lease / 3:
            raise ValueError(
                f"heartbeat is {self.heartbeat:g} s and lease {self.lease:g} s: a lease has to outlive two lost"
                f" heartbeats, so use a heartbeat of {self.lease / 3:.1f} s or less"
            )
        return self

    @property
    def log_levelno(self) -> int:
        return logging.getLevelNamesMapping()[self.log_level]

    @property
    def lease_ms(self) -> int:
        return int(self.lease * 1000)

    @property
    def keep_jobs_ms(self) -> int:
        return int(self.keep_jobs_for * 1000)


def sentence(problem: ErrorDetails) -> str:
    """What is wrong with a setting, under both of its names."""
    text = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return f"The settings of the toolkit make no sense: {text}."
    name = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return f'There is no setting "{name}"; there are {", ".join(ToolkitSettings.model_fields)}.'
    if not text.startswith(name):
        text = f"has to be {text.removeprefix('Input should be ').removeprefix('Value should have ')}"
    return f'The setting "{name}" (ARQBOARD_{name.upper()}): {text}.'
