"""Tables in stores on loopback, fetched by the real command."""

from collections.abc import Iterator
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

from batchtables import Case
from stores import Store, store

TABLE = b"match_id,a,b\n1,1,2\n2,3,4\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with store(tmp_path, tls=True) as made:
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
        made.content_type = "text/csv"
        made.files["e.csv"] = TABLE
        yield made


def test_a_table_by_https(case: Case, https: Store) -> None:
    assert case.run("--entities", f"{https.url}/e.csv?signature=secret")["rows"] == 2


def test_a_table_that_breaks_off(case: Case, https: Store) -> None:
    https.cut = 10
    error = case.run("--entities", f"{https.url}/e.csv?signature=secret", code=1)["error"]
    assert f"{https.url}/e.csv broke off after 10 of {len(TABLE)} bytes: try again" in error
    assert "secret" not in error


def test_a_table_that_is_refused(case: Case, https: Store) -> None:
    error = case.run("--entities", f"{https.url}/none.csv?signature=secret", code=1)["error"]
    assert f"{https.url}/none.csv could not be fetched: HTTP Error 404" in error
    assert "secret" not in error


def test_a_table_in_s3(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    settings = {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "DEFAULT_REGION": "us-east-1"}
    settings["ENDPOINT_URL"] = "http://{}:{}".format(*server.get_host_and_port())
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="tables")
    client.put_object(Bucket="tables", Key="daily/e.csv", Body=TABLE)
    try:
        assert case.run("--entities", "s3://tables/daily/e.csv")["rows"] == 2
        client.put_object(Bucket="tables", Key="daily/e.csv", Body=TABLE + b"3,5,6\n")
        assert case.run("--entities", "s3://tables/daily/e.csv")["rows"] == 3
        assert "spec.batch.entities" in case.run("--entities", "s3://tables/daily/none.csv", code=1)["error"]
    finally:
        client.close()
        server.stop()
    monkeypatch.setenv("S3_MAX_ATTEMPTS", "1")
    error = case.run("--entities", "s3://tables/daily/e.csv", code=1)["error"]
    assert "s3://tables/daily/e.csv could not be fetched" in error, "yesterday's copy is no table of today"
