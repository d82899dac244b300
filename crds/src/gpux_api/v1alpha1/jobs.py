"""Asynchronous tasks. The shape is settled; no release acts on it yet."""

from typing import Annotated, Literal

from pydantic import Field

from gpux_api.base import ApiModel


class SecretKeyRef(ApiModel):
    """A key of a Secret in the model's namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)] = Field(description="The Secret's name.")
    key: Annotated[str, Field(min_length=1, max_length=253)] = Field(default="url", description="The key in it.")


class AsyncSpec(ApiModel):
    """Tasks that are submitted and polled."""

    enabled: bool = Field(default=True, description="Whether /predict/async/ takes tasks.")
    store: Literal["embedded", "redis"] = Field(
        default="embedded", description="Where tasks are kept; embedded serves one replica."
    )
    redis_url_secret_ref: SecretKeyRef | None = Field(default=None, description="Where the URL of Redis is.")
    result_ttl_seconds: Annotated[int, Field(alias="resultTTLSeconds", ge=1, le=31536000)] = Field(
        default=3600, alias="resultTTLSeconds", description="How long a result can be fetched."
    )
    max_queued: Annotated[int, Field(ge=1, le=10000000)] = Field(
        default=10000, description="Tasks that may wait; 429 beyond."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Tries before a task fails for good."
    )
