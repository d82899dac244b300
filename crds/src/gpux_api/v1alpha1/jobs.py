"""Asynchronous tasks and predictions computed ahead."""

from typing import Annotated, Literal

from pydantic import Field

from gpux_api.base import ApiModel, Rule
from gpux_api.quantity import Quantity, value_of

Uri = Annotated[str, Field(min_length=1, max_length=2048)]


class SecretKeyRef(ApiModel):
    """A key of a Secret in the model's namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)] = Field(description="The Secret's name.")
    key: Annotated[str, Field(min_length=1, max_length=253)] = Field(default="url", description="The key in it.")


class AsyncSpec(ApiModel):
    """Tasks that are submitted and polled."""

    enabled: bool = Field(default=True, description="Whether /predict/async takes tasks.")
    store: Literal["embedded", "redis"] = Field(
        default="embedded",
        description="Where tasks are kept: embedded, in a file of the one replica; redis, for any number of replicas.",
    )
    redis_url_secret_ref: SecretKeyRef | None = Field(
        default=None, description="The Secret with the URL of Redis, such as redis://user:password@redis:6379/0."
    )
    claim_name: Annotated[str, Field(min_length=1, max_length=253)] | None = Field(
        default=None,
        description="A PersistentVolumeClaim for the embedded store. Omitted: its tasks live as long as the pod.",
    )
    result_ttl_seconds: Annotated[int, Field(alias="resultTTLSeconds", ge=1, le=31536000)] = Field(
        default=3600, alias="resultTTLSeconds", description="How long a result can be fetched."
    )
    max_queued: Annotated[int, Field(ge=1, le=10000000)] = Field(
        default=10000, description="Tasks that may wait; 429 beyond."
    )
    max_stored: Quantity = Field(
        default="1Gi", description="Bytes that bodies and results may take together; 507 beyond."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Tries before a task fails for good."
    )
    listed: bool = Field(
        default=False,
        description="Whether GET /monitoring/tasks lists tasks, which shows callers the tasks of others.",
    )

    rules = (
        Rule(
            cel="(self.store == 'redis') == has(self.redisUrlSecretRef)",
            check=lambda a: (a.store == "redis") == (a.redis_url_secret_ref is not None),
            message="store redis and redisUrlSecretRef go together: set both, or neither",
        ),
        Rule(
            cel="self.store == 'embedded' || !has(self.claimName)",
            check=lambda a: a.store == "embedded" or a.claim_name is None,
            message="claimName is for the embedded store: remove it, Redis keeps the tasks",
        ),
        Rule(
            cel="quantity(string(self.maxStored)).compareTo(quantity('1Mi')) >= 0",
            check=lambda a: value_of(a.max_stored) >= value_of("1Mi"),
            message="maxStored is an amount of bytes, at least 1Mi: write for instance 1Gi",
        ),
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
