"""Many shops in one call: which, in what order, at a time; how one that fails leaves the others alone."""

from __future__ import annotations

import fcntl
import json
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e.agency import ALL, SECRET, Agency, customers
from tests.e2e.gate import Asked, Gate
from tests.odd_server import OddServer, response

Broken = Callable[[Agency, ExitStack], None]


def configs(document: dict[str, Any], key: str = "runs") -> list[str]:
    return [entry["config"] for entry in document[key]]


@pytest.fixture
def three(agency: Agency) -> Agency:
    for name in ("a", "b", "c"):
        agency.shop(name)
    return agency


def test_a_pattern_takes_all_in_order(three: Agency) -> None:
    document = three.runs("sync", "-c", ALL)
    assert document["schema"] == "crsync.runs/1"
    assert [(run["config"], run["transfer"], run["counts"]["created"]) for run in document["runs"]] == [
        (f"shops/{name}.yaml", None, 3) for name in ("a", "b", "c")
    ]
    assert all(len(three.recipients(name)) == 3 for name in ("a", "b", "c"))
    three.state.traffic.clear()
    assert three("sync", "-c", ALL, "-q").silent
    assert three.state.traffic.writes == 0


def test_each_once_however_often_named(three: Agency) -> None:
    words = ["-c", "shops/c.yaml", "-c", ALL, "-c", "./shops/c.yaml", "-c", "shops/../shops/a.yaml"]
    assert configs(three.runs("diff", *words)) == ["shops/c.yaml", "shops/a.yaml", "shops/b.yaml"]


def test_the_variable_may_be_a_pattern(three: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRSYNC_CONFIG", ALL)
    assert len(three.runs("sync")["runs"]) == 3
    monkeypatch.setenv("CRSYNC_CONFIG", "shops/b.yaml")
    assert three.runs("sync")["schema"] == "crsync.run/1"
    three.shop("my shop")
    monkeypatch.setenv("CRSYNC_CONFIG", "shops/my shop.yaml")
    assert three.runs("sync")["source"]["name"] == "my shop"


def test_a_pattern_of_one_is_still_a_pattern(agency: Agency) -> None:
    agency.shop("a")
    assert agency.runs("sync", "-c", ALL)["schema"] == "crsync.runs/1"
    agency.shop("[x]")
    assert agency.runs("sync", "-c", "shops/[x].yaml")["schema"] == "crsync.run/1"


@pytest.mark.parametrize("command", ["sync", "resync", "diff", "check", "status"])
def test_a_pattern_without_a_file(three: Agency, command: str) -> None:
    ended = three(command, "-c", "shops/a.yaml", "-c", "nowhere/*.yaml", "--format", "json")
    assert ended.code == 2
    assert ended.doc["schema"] == "crsync.error/1"
    assert "error: nowhere/*.yaml: " in ended.err
    assert not three.recipients("a")


# Endings, the gravest first; each makes the shop `x` end like this.


def wrong_state(agency: Agency, _stack: ExitStack) -> None:
    agency.state_of("x").mkdir(parents=True)
    agency.state_of("x", "checkpoint.json").write_bytes(b"")


def wrong_key(agency: Agency, stack: ExitStack) -> None:
    server = OddServer(lambda _: response(401, b'{"error": "invalid_client"}'))
    stack.callback(server.close)
    agency.shop("x", target={"base_url": server.url})


def broken(agency: Agency, _stack: ExitStack) -> None:
    agency.shop("x", tagz=[])


def guarded(agency: Agency, _stack: ExitStack) -> None:
    agency.state.write(agency.state.add_group("x"), {"email": "p@x.example", "tags": ["x-Special.Buyer"]})


def rejected(agency: Agency, _stack: ExitStack) -> None:
    agency.shop("x", [*customers("x"), {"email": "nothing"}], limits={"max_rejected": 0})


def not_there(agency: Agency, _stack: ExitStack) -> None:
    agency.shop("x", target={"base_url": "http://127.0.0.1:9"}, limits={"retry_for": 0})


def locked(agency: Agency, stack: ExitStack) -> None:
    agency.state_of("x").mkdir(parents=True)
    lock = stack.enter_context(agency.state_of("x", "lock").open("w"))
    fcntl.flock(lock, fcntl.LOCK_EX)


ENDINGS: list[tuple[Broken, int, bool]] = [
    (wrong_state, 9, False),
    (wrong_key, 6, False),
    (broken, 2, False),
    (guarded, 7, True),
    (rejected, 4, True),
    (not_there, 5, False),
    (locked, 8, False),
]


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_quiet_tells_the_warnings_of_those_that_fail(agency: Agency, jobs: str) -> None:
    torn = [*customers("a"), {"email": "nothing"}]
    agency.shop("a", torn)
    agency.shop("x", torn, limits={"max_rejected": 0})
    ended = agency("sync", "-q", "-c", ALL, "--jobs", jobs)
    assert ended.code == 4
    warnings = [line for line in ended.err.splitlines() if "warning:" in line]
    assert warnings == ["[x] warning: x.csv:5: the e-mail is not a usable address"]


@pytest.mark.parametrize("jobs", ["1", "3"])
@pytest.mark.parametrize(("breaks", "code", "begun"), ENDINGS, ids=[ending[0].__name__ for ending in ENDINGS])
def test_one_that_fails_leaves_the_others_alone(
    agency: Agency, breaks: Broken, code: int, begun: bool, jobs: str
) -> None:
    for name in ("a", "x", "z"):
        agency.shop(name)
    with ExitStack() as stack:
        breaks(agency, stack)
        ended = agency("sync", "-c", ALL, "--jobs", jobs, "--format", "json")
    assert ended.code == code, ended
    first, failed, last = ended.doc["runs"]
    assert (first["exit"]["code"], last["exit"]["code"]) == (0, 0)
    assert len(agency.recipients("a")) == len(agency.recipients("z")) == 3
    assert failed["schema"] == ("crsync.run/1" if begun else "crsync.error/1")
    assert (failed["config"], failed["transfer"]) == ("shops/x.yaml", None)
    assert failed["exit"]["code"] == failed["error"]["code"] == code == ended.doc["exit"]["code"]
    said = [line for line in ended.err.splitlines() if "error:" in line]
    assert said
    assert all(line.startswith("[x] error: ") for line in said)


@pytest.mark.parametrize("at", range(len(ENDINGS) - 1))
def test_the_gravest_ending_is_that_of_the_call(agency: Agency, at: int) -> None:
    """Of two that follow each other in the order; the graver one comes last."""
    (graver, code, _), (lesser, other, _) = ENDINGS[at], ENDINGS[at + 1]
    with ExitStack() as stack:
        agency.shop("x")
        lesser(agency, stack)
        (agency.folder / "shops" / "x.yaml").rename(agency.folder / "lesser.yaml")
        text = (agency.folder / "lesser.yaml").read_text().replace("x.csv", "shops/x.csv")
        (agency.folder / "lesser.yaml").write_text(
            text.replace("name: x", "name: lesser").replace("list: x", "list: l")
        )
        if agency.state_of("x").exists():
            agency.folder.joinpath(".crsync").mkdir()
            agency.state_of("x").rename(agency.folder / ".crsync" / "lesser")
        if lesser is guarded:
            agency.state.write(agency.state.add_group("l"), {"email": "p@x.example", "tags": ["lesser-Special.Buyer"]})
        agency.shop("x") if lesser is not rejected else agency.shop("x", customers("x"))
        if lesser is rejected:
            agency.export("x", [{"email": "nothing"}, *customers("x")])
        graver(agency, stack)
        document = agency.runs("sync", "-c", "lesser.yaml", "-c", "shops/x.yaml", code=code)
    assert [run["exit"]["code"] for run in document["runs"]] == [other, code]


def test_a_file_that_is_not_there_is_one_of_many(three: Agency) -> None:
    document = three.runs("sync", "-c", "shops/a.yaml", "-c", "shops/none.yaml", code=2)
    assert [entry["exit"]["code"] for entry in document["runs"]] == [0, 2]


class TestJobs:
    def test_that_many_are_under_way_at_a_time(self, three: Agency, gate: Gate) -> None:
        meeting = threading.Barrier(2)
        begun: list[str] = []
        met: list[int] = []

        def meet(asked: Asked, carry_out: Callable[[], Any]) -> Any:
            if asked.name == "GET /v3/groups" and len(begun) < 2:
                begun.append(asked.path)
                met.append(meeting.wait(10))
            return carry_out()

        gate.meddle = meet
        document = three.runs("sync", "-c", ALL, "--jobs", "2")
        assert len(met) == 2
        assert [run["counts"]["created"] for run in document["runs"]] == [3, 3, 3]

    def test_the_transfers_of_one_config_follow_one_another(self, agency: Agency) -> None:
        agency.shop("a", transfers={name: {"tags": ["buyer"]} for name in ("one", "two", "three")})
        agency.shop("b")
        document = agency.runs("sync", "-c", ALL, "--jobs", "4")
        of_a = [run for run in document["runs"] if run["config"] == "shops/a.yaml"]
        assert [(run["transfer"], run["counts"]["created"]) for run in of_a] == [("one", 3), ("two", 0), ("three", 0)]

    def test_every_line_says_whose_it_is(self, three: Agency) -> None:
        for name in ("a", "b", "c"):
            three.export(name, [*customers(name), {"email": f"nothing-of-{name}"}] * 5)
        ended = three("sync", "-c", ALL, "--jobs", "3", "-v")
        lines = ended.err.splitlines()
        assert len(lines) > 15
        assert all(line[:4] in ("[a] ", "[b] ", "[c] ") for line in lines)
        assert sum("warning: a.csv" in line for line in lines if line.startswith("[a]")) == 5
        logged = [
            json.loads(line)
            for line in three("sync", "-c", ALL, "--jobs", "3", "--log-format", "json").err.splitlines()
        ]
        assert {(line["config"], line.get("transfer")) for line in logged} == {
            (f"shops/{name}.yaml", None) for name in ("a", "b", "c")
        }

    @pytest.mark.parametrize("jobs", ["0", "-1", "x"])
    def test_wrong_numbers(self, three: Agency, jobs: str) -> None:
        assert three("sync", "-c", ALL, "--jobs", jobs).code == 2


class TestEndingEarly:
    @pytest.mark.parametrize("jobs", ["1", "2"])
    @pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_a_signal_ends_what_is_under_way_and_begins_nothing(
        self, agency: Agency, jobs: str, signum: int, code: int
    ) -> None:
        for name in ("a", "b", "c", "d"):
            agency.shop(name, customers(name, 20), target={"batch_size": 5})
        waiting = threading.Event()
        writes: list[str] = []

        def before(path: str, _rows: Sequence[Any]) -> None:
            writes.append(path)
            if len(writes) == 1:
                process.send_signal(signum)
            waiting.wait(0.5)

        agency.state.before_write = before
        with agency.start("sync", "-c", ALL, "--jobs", jobs, "--format", "json") as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        agency.state.before_write = None
        document = json.loads(out)
        assert document["exit"] == {"code": code, "class": "signal", "retryable": True}
        began = configs(document)
        assert 1 <= len(began) <= int(jobs)
        assert sorted([*began, *configs(document, "not_started")]) == [f"shops/{name}.yaml" for name in "abcd"]
        assert {entry["reason"] for entry in document["not_started"]} == {"signal"}
        again = agency.runs("sync", "-c", ALL)
        assert "not_started" not in again
        assert all(len(agency.recipients(name)) == 20 for name in "abcd")

    @pytest.mark.parametrize("jobs", ["1", "3"])
    def test_a_kill_loses_nobody(self, agency: Agency, jobs: str) -> None:
        for name in ("a", "b", "c"):
            agency.shop(name, customers(name, 20), target={"batch_size": 5})
        writes: list[str] = []

        def before(path: str, _rows: Sequence[Any]) -> None:
            writes.append(path)
            if len(writes) == 6:
                process.kill()

        agency.state.before_write = before
        with agency.start("sync", "-c", ALL, "--jobs", jobs) as process:
            process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        agency.state.before_write = None
        document = agency.runs("sync", "-c", ALL, "--jobs", jobs)
        assert all(run["complete"] for run in document["runs"])
        assert all(len(agency.recipients(name)) == 20 for name in ("a", "b", "c"))

    def test_max_duration_is_that_of_the_call(self, three: Agency) -> None:
        document = three.runs("sync", "-c", ALL, "--max-duration", "0", code=5)  # as of one that gets nowhere
        assert document["runs"] == []
        assert [entry["reason"] for entry in document["not_started"]] == ["max_duration"] * 3
        assert "Not started (--max-duration reached): a, b, c" in three("sync", "-c", ALL, "--max-duration", "0").out

    def test_with_a_time_those_begin_whose_last_run_is_longest_ago(self, three: Agency) -> None:
        three("sync", "-c", "shops/b.yaml")
        three("sync", "-c", "shops/a.yaml")
        ended = three("sync", "-c", ALL, "--max-duration", "600", "-v", "--format", "json")
        order = list(dict.fromkeys(line.split()[0] for line in ended.err.splitlines()))
        assert order == ["[c]", "[b]", "[a]"]
        assert configs(ended.doc) == [f"shops/{name}.yaml" for name in "abc"]

    def test_limit_is_that_of_each_run(self, three: Agency) -> None:
        document = three.runs("sync", "-c", ALL, "--limit", "2")
        assert [(run["counts"]["created"], run["complete"]) for run in document["runs"]] == [(2, False)] * 3

    def test_force_is_for_one(self, three: Agency) -> None:
        ended = three("sync", "-c", ALL, "--force", "foreign_tags")
        assert ended.code == 2
        assert "error: --force is for one transfer at a time, these are 3" in ended.err
        assert not three.recipients("a")
        assert three("sync", "-c", "shops/a.yaml", "--force", "foreign_tags").code == 0


def test_no_secret_is_shown(three: Agency) -> None:
    three.shop("b", target={"client_secret": [f"{SECRET}-b"]})
    three.shop("c", target={"base_url": "http://127.0.0.1:9"}, limits={"retry_for": 0})
    for jobs in ("1", "3"):
        ended = three("sync", "-c", ALL, "--jobs", jobs, "-vv", "--format", "json")
        assert ended.code == 2
        assert SECRET not in ended.out + ended.err


class TestOverview:
    def test_status(self, three: Agency) -> None:
        three("sync", "-c", "shops/a.yaml")
        three.export("b", [*customers("b"), {"email": "nothing"}])
        wrong = three.state_of("c")
        wrong.mkdir()
        (wrong / "checkpoint.json").write_bytes(b"")
        document = three.runs("status", "-c", ALL, code=9)
        assert document["schema"] == "crsync.statuses/1"
        assert [(entry["schema"], entry["config"]) for entry in document["statuses"]] == [
            ("crsync.status/1", "shops/a.yaml"), ("crsync.status/1", "shops/b.yaml"), ("crsync.error/1", "shops/c.yaml"),
        ]  # fmt: skip
        ended = three("status", "-c", ALL)
        rows = {line.split()[0]: line for line in ended.out.splitlines() if line}
        assert rows["a"].split()[3:] == ["3", "0", "ok"]
        assert "no run yet" in rows["b"]
        assert rows["b"].endswith("diff")
        assert "state" in rows["c"]

    def test_a_check_of_many_ends_with_those_to_look_at(self, three: Agency) -> None:
        assert three("check", "-c", ALL).out.splitlines()[-1] == "3 transfers: 3 ok"
        three.shop("b", tagz=[])
        three.shop("d", source={"path": "gone.csv"})
        assert three("check", "-c", ALL).out.splitlines()[-2:] == ["4 transfers: 2 ok, 2 usage", "to look at: b, d"]

    def test_the_table_fits_a_terminal(self, three: Agency) -> None:
        three.shop("x" * 60, tagz=[])
        for command in ("sync", "diff", "status", "check"):
            ended = three(command, "-c", ALL)
            lines = [line for line in ended.out.splitlines() if not line.startswith("  next: crsync ")]
            assert max(map(len, lines)) <= 80  # all but a command, which can be copied
            assert "[a]" not in ended.out

    def test_files_of_one_name_keep_their_folders(self, agency: Agency) -> None:
        agency.shop("a")
        (agency.folder / "more").mkdir()
        text = (agency.folder / "shops" / "a.yaml").read_text().replace("a.csv", "../shops/a.csv")
        (agency.folder / "more" / "a.yaml").write_text(text.replace("list: a", "list: other"))
        ended = agency("sync", "-c", ALL, "-c", "more/a.yaml")
        assert ended.code == 0
        assert [line.split()[0] for line in ended.out.splitlines()[1:3]] == ["shops/a", "more/a"]
