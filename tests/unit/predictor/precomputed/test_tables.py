"""Tables in pieces, and what their cells are."""

import gzip
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpux_predictor.precomputed import cells, numeric
from gpux_predictor.precomputed.errors import TableError
from gpux_predictor.precomputed.pieces import following
from gpux_predictor.precomputed.reading import UNREADABLE
from gpux_predictor.precomputed.table import open_table


def text(*values: Any) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def chunked(values: list[Any], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@given(
    bad=st.sets(st.integers(0, 59), max_size=60),
    size=st.integers(1, 70),
    block=st.integers(40, 400),
)
def test_every_row_of_a_csv_has_its_number(
    tmp_path_factory: pytest.TempPathFactory, bad: set[int], size: int, block: int
) -> None:
    """Whatever is broken, and wherever blocks and pieces end: a later run must find the same pieces."""
    file = tmp_path_factory.mktemp("t") / "t.csv"
    file.write_text("id,x\n" + "".join(f"{i}\n" if i in bad else f"{i},{i}\n" for i in range(60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gpux_predictor.precomputed.csv_table._BLOCKS", (block, 1000))
        pieces = list(open_table(file).pieces(size))
    good = {
        row: cell
        for piece in pieces
        for row, cell in zip(piece.rows.tolist(), piece.data["id"].to_pylist(), strict=True)
    }
    assert good == {i + 2: str(i) for i in range(60) if i not in bad}
    assert [row for piece in pieces for row, _ in piece.broken] == [i + 2 for i in sorted(bad)]
    numbers = [sorted([*piece.rows.tolist(), *(row for row, _ in piece.broken)]) for piece in pieces]
    assert [row for each in numbers for row in each] == list(range(2, 62)), "each begins where the one before ended"
    if not bad:
        assert all(piece.data.num_rows == size for piece in pieces[:-1])
    for done in (1, 17, 61):
        rest = [
            row
            for piece in following(iter(pieces), done)
            for row in [*piece.rows.tolist(), *(r for r, _ in piece.broken)]
        ]
        assert sorted(rest) == list(range(done + 1, 62))


@pytest.mark.parametrize("every", [10**9, 1000])
def test_broken_rows_come_in_pieces_too(tmp_path: Path, every: int) -> None:
    (tmp_path / "t.csv").write_text(
        "id,x\n" + "".join("1,2\n" if i % every == 1 else f"{i}\n" for i in range(1_000_000))
    )
    seen = 0
    for piece in open_table(tmp_path / "t.csv").pieces(10_000):
        assert len(piece.broken) < 300_000, "those of a block of 1 MiB, and a piece"
        seen += len(piece.broken) + piece.data.num_rows
    assert seen == 1_000_000


def test_a_long_row_is_read_and_one_too_long_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,x\n" + "1,a\n" * 600_000 + "2," + "b" * 3_000_000 + "\n3\n4,c\n")
    pieces = list(open_table(tmp_path / "t.csv").pieces(10_000))
    assert [row for piece in pieces for row in piece.rows.tolist()] == [*range(2, 600_003), 600_004]
    assert [row for piece in pieces for row, _ in piece.broken] == [600_003]
    assert len(pieces[-1].data["x"][-2].as_py()) == 3_000_000
    (tmp_path / "t.csv").write_text("id,x\n1,2\n" + "2," + "b" * (40 << 20) + "\n3,4\n")
    with pytest.raises(TableError, match=r"^t.csv has a row of more than 16 MiB, or a quote that is not closed$"):
        list(open_table(tmp_path / "t.csv").pieces(10))


def test_csv_as_people_write_it(tmp_path: Path) -> None:
    content = '\ufeff"id","a text, with\nlines"\r\n1,"x, ""y""\nz"\r\n\r\n2,\r\n'
    (tmp_path / "t.csv").write_bytes(content.encode())
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(content.encode()))
    for name in ("t.csv", "t.csv.gz"):
        table = open_table(tmp_path / name)
        [piece] = table.pieces(10)
        assert table.names == ["id", "a text, with\nlines"]
        assert piece.data.to_pydict() == {"id": ["1", "2"], "a text, with\nlines": ['x, "y"\nz', ""]}


@pytest.mark.parametrize("content", ["id,x\n", "id,x\n\n", "id,x", "id,x\r\n", "\n\nid,x"])
def test_a_table_without_rows(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    assert [piece.data.num_rows for piece in open_table(tmp_path / "t.csv").pieces(10)] == []


def test_parquet_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pa.parquet.write_table(pa.table({"id": list(range(25))}), file, row_group_size=7)
    table = open_table(file)
    assert (table.count, table.texts) == (25, False)
    assert [(piece.rows.tolist()[0], piece.data["id"].to_pylist()[-1]) for piece in table.pieces(10)] == [
        (1, 9),
        (11, 19),
        (21, 24),
    ]


@pytest.mark.parametrize(
    ("name", "content"), [("t.parquet", b"PAR1 no"), ("t.csv", b"a\n\xff\xfe\n"), ("t.csv.gz", b"plain")]
)
def test_what_is_no_table_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=rf"^{name} cannot be read: "):
        list(open_table(tmp_path / name).pieces(10))


def test_keys() -> None:
    texts = ["42", "042", "-7", "0", "-0", "4.0", "x y", "", "1" * 18, "1" * 19]
    assert cells.keys(text(*texts), texts=True) == [42, "042", -7, 0, "-0", "4.0", "x y", None, int("1" * 18), "1" * 19]
    assert cells.keys(chunked([1.0, 2.5, None, float("nan")]), texts=False) == [1, 2.5, None, None]
    assert cells.keys(chunked([1, None]), texts=False) == [1, None]
    assert cells.keys(chunked(["1", ""]), texts=False) == ["1", None]
    assert cells.keys(chunked([date(2026, 4, 25)]), texts=False) == ["2026-04-25"]


@pytest.mark.parametrize("whole", [False, True])
def test_numbers_of_texts(whole: bool) -> None:
    column = numeric.numbers(text("1", " 2.5 ", "NaN", "", "none", "1e3", "x", "inf"), texts=True, whole=whole)
    assert [column.cell(row) for row in range(8)] == [1, 2.5, None, None, None, 1000, "x", "inf"]
    large = numeric.numbers(text("9007199254740993", "3"), texts=True, whole=whole)
    assert large.cell(0) == (9007199254740993 if whole else 9007199254740992)
    mixed = numeric.numbers(text("9007199254740993", "x"), texts=True, whole=True)
    assert [mixed.cell(0), mixed.cell(1)] == [9007199254740993, "x"]


@pytest.mark.parametrize("written", ["1e400", "-1e400", "inf", "-nan", "1_0", "0x10", "1,5", "\u0661", "9" * 5000])
@pytest.mark.parametrize("whole", [False, True])
def test_what_predict_takes_for_no_number(written: str, whole: bool) -> None:
    column = numeric.numbers(text("1", written, "2.5"), texts=True, whole=whole)
    assert [column.cell(row) for row in range(3)] == [1, written, 2.5]
    alone = numeric.numbers(text("1", written), texts=True, whole=whole)
    assert [alone.cell(row) for row in range(2)] == [1, written]


@pytest.mark.parametrize(
    "written", ["1", "+1", " 1 ", "01", "1.", "1.0", "1e0", "1E+0", "10e-1", "0.1e1", ".1e1", "+0001.000"]
)
def test_what_people_write_for_a_number(written: str) -> None:
    for whole in (False, True):
        assert numeric.numbers(text(written), texts=True, whole=whole).cell(0) == 1


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=5), st.sampled_from(["1.0", "2.5", "x", "nan", "7"]))
def test_no_digit_of_a_whole_number_is_lost(values: list[int], beside: str) -> None:
    column = numeric.numbers(text(*map(str, values), beside), texts=True, whole=True)
    assert [column.cell(row) for row in range(len(values))] == values
    typed = chunked([Decimal(value) for value in values], pa.decimal128(38, 0))
    found = numeric.numbers(typed, texts=False, whole=True)
    assert [found.cell(row) for row in range(len(values))] == values


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (chunked([1, None, 3]), [1, None, 3]),
        (chunked([1.5, None, float("nan")]), [1.5, None, None]),
        (chunked([Decimal("1.5"), None]), [1.5, None]),
        (chunked([2**63], pa.uint64()), [2.0**63]),
        (chunked(["1", None]), ["1", None]),
        (chunked([True, None]), [True, None]),
    ],
)
def test_numbers_of_a_typed_column(column: pa.ChunkedArray, expected: list[Any]) -> None:
    found = numeric.numbers(column, texts=False, whole=False)
    assert [found.cell(row) for row in range(len(column))] == expected


@pytest.mark.parametrize("values", [[2**53 + 1, None], [2**64 - 1, 2**53 + 1, None, 5]])
def test_unsigned_integers_keep_their_digits(values: list[int | None]) -> None:
    found = numeric.numbers(chunked(values, pa.uint64()), texts=False, whole=True)
    assert [found.cell(row) for row in range(len(values))] == values


def test_features_that_are_no_numbers() -> None:
    words = cells.feature(text("x", "", "nan"), texts=True, kind="s")
    assert [words.cell(row) for row in range(3)] == ["x", None, "nan"]
    truths = cells.feature(text("True", "0", "", "yes"), texts=True, kind="b")
    assert [truths.cell(row) for row in range(4)] == [True, False, None, "yes"]
    typed = cells.feature(chunked([True, None]), texts=False, kind="b")
    assert [typed.cell(row) for row in range(2)] == [True, None]


def test_days() -> None:
    assert cells.days(text("2026-04-25", "2026-04-25T20:00:00+02:00", "25.4.2026", "", "2026-13-01")) == [
        "2026-04-25",
        "2026-04-25",
        None,
        None,
        None,
    ]
    moment = datetime(2026, 4, 25, 23, tzinfo=UTC)
    zone = ZoneInfo("Europe/London")
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("ms", "America/New_York")):
        assert cells.days(chunked([moment, None], kind), zone) == ["2026-04-26", None]
    assert cells.days(text("2026-04-25T23:00:00Z", "2026-04-26T08:00:00+09:00", "2026-04-25T23:59"), zone) == [
        "2026-04-26",
        "2026-04-26",
        "2026-04-25",
    ]
    assert cells.days(chunked([10**7, 0], pa.date32()), zone) == [None, "1970-01-01"]
    edge = datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert cells.days(chunked([edge], pa.timestamp("us", "UTC")), ZoneInfo("Asia/Tokyo")) == [None]
    assert cells.days(chunked([moment, None])) == ["2026-04-25", None]
    assert cells.days(chunked([date(2026, 4, 25)])) == ["2026-04-25"]


def test_what_has_a_place_in_the_list() -> None:
    plain = [pa.string(), pa.date32(), pa.dictionary(pa.int8(), pa.string())]
    bytes_ = [pa.binary(), pa.large_binary(), pa.binary(2), pa.binary_view(), pa.dictionary(pa.int8(), pa.binary())]
    assert all(map(cells.is_plain, plain))
    assert not any(map(cells.is_plain, [*bytes_, pa.list_(pa.int8())]))


BROKEN = pa.chunked_array(
    [
        pa.Array.from_buffers(
            pa.string(),
            2,
            [None, pa.py_buffer(bytes([0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])), pa.py_buffer(b"\xff\xfea")],
        )
    ]
)


@pytest.mark.parametrize(
    ("column", "other"),
    [
        (BROKEN, "a"),
        (chunked([10**7, 0], pa.date32()), "1970-01-01"),
        (chunked([10**18, 0], pa.timestamp("us")), "1970-01-01 00:00:00"),
        (chunked([10**15, 0], pa.timestamp("s")), "1970-01-01 00:00:00"),
        (chunked([float("inf"), 3.0]), 3),
    ],
)
def test_one_cell_that_cannot_be_read_is_one_cell(column: pa.ChunkedArray, other: Any) -> None:
    assert cells.keys(column, texts=False) == [UNREADABLE, other]
    if column.type != pa.float64():
        assert [cell is None for cell in cells.listed(column)] == [True, False]
        found = numeric.numbers(column, texts=False, whole=False)
        assert found.cell(0) is UNREADABLE


def test_keys_that_are_large_floats() -> None:
    keys = cells.keys(chunked([2.0**64, 1e300, 2.0**62]), texts=False)
    assert keys == [2.0**64, 1e300, 2**62]
    assert orjson.dumps(keys)


def test_times_of_nanoseconds_are_python_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image has no pandas, whose types pyarrow would take."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    kinds = [pa.timestamp("ns"), pa.timestamp("ns", "Asia/Tokyo"), pa.time64("ns"), pa.duration("ns")]
    data = pa.table({str(kind): pa.array([1_000_001_500, None], kind) for kind in kinds})
    pa.parquet.write_table(data, tmp_path / "t.parquet")
    [piece] = open_table(tmp_path / "t.parquet").pieces(10)
    assert [cells.listed(column)[0].microsecond for column in piece.data.columns[:3]] == [1, 1, 1]
    assert cells.listed(piece.data.columns[3]) == [timedelta(seconds=1, microseconds=1), None]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_header_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes("id,größe\n1,2\n".encode(encoding))
    with pytest.raises(TableError, match=r"^t\.csv cannot be read: 'utf-8' codec can't decode"):
        open_table(tmp_path / "t.csv")


def test_a_line_separator_in_a_header_ends_no_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,a\u2028b\x0bc\r\n1,2\r\n", newline="")
    table = open_table(tmp_path / "t.csv")
    [piece] = table.pieces(10)
    assert table.names == piece.data.column_names == ["id", "a\u2028b\x0bc"]
    assert set(piece.data.schema.types) == {pa.string()}
