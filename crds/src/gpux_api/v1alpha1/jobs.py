"""Asynchronous tasks and predictions computed ahead. The shapes are settled; no release acts on them yet."""

from typing import Annotated, Literal

from pydantic import Field

from gpux_api.base import ApiModel

Uri = Annotated[str, Field(min_length=1, max_length=2048)]


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


class EntitiesSpec(ApiModel):
    """The table of entities to predict for."""

    uri: Uri = Field(description="A CSV or Parquet file.")


class BatchOutputSpec(ApiModel):
    """Where the predictions go."""

    uri: Uri = Field(description="The folder that holds the results.")


class BatchSpec(ApiModel):
    """Predictions computed ahead, on a schedule."""

    schedule: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="A cron expression, such as 0 5 * * *."
    )
    entities: EntitiesSpec = Field(description="The table of entities.")
    output: BatchOutputSpec = Field(description="Where the predictions go.")
