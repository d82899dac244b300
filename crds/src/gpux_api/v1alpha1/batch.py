"""Predictions computed ahead: a table of entities, a schedule, and the folder of the results."""

import re
from typing import Annotated, Any

from pydantic import Field

from gpux_api.base import ApiModel, Rule
from gpux_api.v1alpha1.pods import ResourcesSpec

Uri = Annotated[str, Field(min_length=1, max_length=2048)]
Column = Annotated[str, Field(min_length=1, max_length=256)]
_TABLE = r"^(s3|gs|https|pvc|file)://.+[.](csv|csv[.]gz|parquet)([?].*)?$"
_FOLDER = r"^(pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?|file://.+)$"
_PVC = r"^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?/.+$"
_CRON = r"^(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|[-0-9A-Za-z*/,?]+( +[-0-9A-Za-z*/,?]+){4})$"


def _not_upwards(field: str) -> Rule:
    return Rule(
        cel="!self.uri.split('/').exists(part, part == '..')",
        check=lambda s: ".." not in s.uri.split("/"),
        message=f"{field}.uri must not contain '..': write the location itself",
    )


class EntitiesSpec(ApiModel):
    """The table of entities to predict for: a header or schema, and a row for each entity."""

    uri: Uri = Field(
        description="One CSV (UTF-8, with a header; .csv or .csv.gz) or Parquet file: s3://, gs://, https://, pvc://claim/path, or "
        "file:///path for runs on one machine."
    )
    key_column: Column | None = Field(
        default=None,
        description="The column that names the entity, and the key in answers. With preprocessing.tabular its entityKey says it.",
    )
    date_column: Column | None = Field(
        default=None,
        description="A column of dates (ISO 8601): /predict/upcoming then lists the rows of today and later, in their order. Omitted: "
        "it lists all rows.",
    )

    rules = (
        Rule(
            cel=f"self.uri.matches('{_TABLE}')",
            check=lambda s: re.fullmatch(_TABLE, s.uri) is not None,
            message="entities.uri must be one .csv, .csv.gz or .parquet file at s3://, gs://, https://, pvc:// or file://",
        ),
        Rule(
            cel=f"!self.uri.startsWith('pvc://') || self.uri.matches('{_PVC}')",
            check=lambda s: not s.uri.startswith("pvc://") or re.fullmatch(_PVC, s.uri) is not None,
            message="a pvc:// uri names a claim and a file in it: write pvc://my-claim/path/to/entities.parquet",
        ),
        _not_upwards("entities"),
    )


class BatchOutputSpec(ApiModel):
    """Where the predictions go, and where look-ups find them."""

    uri: Uri = Field(
        description="The folder that holds the results: pvc://claim/folder, or file:///folder for runs on one machine."
    )
    keep: Annotated[int, Field(ge=1, le=100)] = Field(
        default=2, description="Results that are kept, the newest among them; older ones are removed after a run."
    )

    rules = (
        Rule(
            cel=f"self.uri.matches('{_FOLDER}')",
            check=lambda s: re.fullmatch(_FOLDER, s.uri) is not None,
            message="output.uri must be pvc://claim/folder, or file:///folder for runs on one machine: look-ups need a mounted file "
            "system",
        ),
        _not_upwards("output"),
    )


class BatchSpec(ApiModel):
    """Predictions computed ahead, on a schedule, and looked up by entity."""

    schedule: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None,
        description="A cron expression of five fields, such as 0 5 * * *, or @daily. Omitted: nothing is scheduled, and what "
        "`gpux-predictor batch` writes to the output is served. Runs never overlap.",
    )
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", max_length=64)] = Field(
        default="Etc/UTC",
        description="The time zone of the schedule, and of today in /predict/upcoming: Europe/London.",
    )
    suspend: bool = Field(default=False, description="True: no run is started; results are served.")
    active_deadline_seconds: Annotated[int, Field(ge=60, le=604800)] = Field(
        default=21600,
        description="A run is stopped after this time, so that one that hangs does not hold up those after it; the next goes on "
        "where it was.",
    )
    resources: ResourcesSpec | None = Field(
        default=None, description="CPU and memory of a run. Omitted: those of serving.resources."
    )
    entities: EntitiesSpec | None = Field(
        default=None, description="The table of entities. Omitted: the results come from elsewhere."
    )
    output: BatchOutputSpec = Field(description="Where the predictions go.")

    rules = (
        Rule(
            cel="!has(self.schedule) || has(self.entities)",
            check=lambda b: b.schedule is None or b.entities is not None,
            message="a schedule needs a table to run: write entities.uri",
        ),
        Rule(
            cel=f"!has(self.schedule) || self.schedule.matches('{_CRON}')",
            check=lambda b: b.schedule is None or re.fullmatch(_CRON, b.schedule) is not None,
            message="schedule has five fields (minute hour day month weekday), or is @hourly, @daily, @weekly, @monthly or @yearly: "
            "write for instance 0 5 * * *, and the time zone in timeZone",
        ),
    )


_TABULAR, _KEY = "has(self.preprocessing) && has(self.preprocessing.tabular)", "has(self.batch.entities.keyColumn)"
_NO_ENTITIES = "!has(self.batch) || !has(self.batch.entities)"


def _key_fits(spec: Any) -> bool:  # noqa: ANN401  (GpuxModelSpec, which imports this module)
    if spec.batch is None or spec.batch.entities is None:
        return True
    tabular = spec.preprocessing is not None and spec.preprocessing.tabular is not None
    return tabular != (spec.batch.entities.key_column is not None)


BATCH_RULES = (
    Rule(
        cel=f"{_NO_ENTITIES} || ({_TABULAR}) != {_KEY}",
        check=_key_fits,
        message="batch.entities.keyColumn names the column with the entities' keys: it is needed without preprocessing.tabular, and "
        "with it the column is preprocessing.tabular.entityKey: remove keyColumn",
    ),
)
"""Rules of the whole spec."""
