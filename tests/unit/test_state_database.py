"""What a closed database leaves behind: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cleverreach_sync.state.database import connect


def test_a_reader_left_half_way_locks_nobody_out_after_the_end(tmp_path: Path) -> None:
    path = str(tmp_path / "some.sqlite3")
    first = connect(path)
    first.execute("create table number (n)")
    first.executemany("insert into number values (?)", [(n,) for n in range(5000)])
    first.commit()

    def numbers() -> Iterator[int]:
        for (n,) in first.execute("select n from number"):
            yield n

    left = numbers()
    assert next(left) == 0
    first.close()
    second = connect(path)
    second.execute("pragma busy_timeout = 0").fetchall()
    second.execute("delete from number")
    second.commit()
    assert second.execute("select count(*) from number").fetchone() == (0,)
    second.close()
