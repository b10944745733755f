"""A server that misbehaves: the list ends up right, and nobody is counted sent who was not confirmed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import Response

from cleverreach_sync.errors import AuthError, RejectedError, TemporaryError, UsageError
from tests.e2e.gate import READ, UPSERT, Answered, Asked, Gate, answer, dropped, lost, refusal
from tests.e2e.people import BUYER, SUBSCRIBER, customer, people
from tests.e2e.program import SECRET, Program
from tests.e2e.running import counted, tally_of

FAULTS = ("rate_limit", "unavailable", "reset", "error_200", "false", "drop_row", "unauthorized", "too_large")
MANY = 400
PUT = "PUT /v3/groups/{id}/receivers/{receiver}"


def stays_out(program: Program) -> list[str]:
    """People of the export who left before; no run may make them active. Returns their addresses."""
    gone, bounced, listed = customer(9001), customer(9002), customer(9003)
    group = program.state.add_group("Online shop")
    for row in (gone, bounced):
        program.state.write(group, {"email": row["email"], "activated": 1})
    program.state.unsubscribe(gone["email"])
    program.state.bounce(bounced["email"])
    program.state.list_address(listed["email"])
    program.write(*people(MANY), gone, bounced, listed)
    return [gone["email"], bounced["email"], listed["email"]]


def runs_until_through(program: Program, most: int = 8) -> list[dict[str, Any]]:
    """Runs until one is complete and nobody is left rejected; the documents."""
    documents = []
    for _ in range(most):
        finished = program.run()
        documents.append(finished.document)
        program.check_ledger()
        if finished.error is None and finished.document["complete"] and not finished.document["counts"]["rejected"]:
            return documents
        assert finished.error is None or finished.error.code in (4, 5)
    pytest.fail("the runs do not come to an end")


def check_end(program: Program, out: list[str]) -> None:
    assert program.active() == {row["email"] for row in people(MANY)}
    shown = program.list()
    for row in people(MANY):
        recipient = shown[row["email"]]
        assert recipient.tags == {BUYER, SUBSCRIBER}
        assert recipient.values["city"] == row["city"]
    assert not program.active() & set(out)
    assert program.recorded() == {shown[row["email"]].id for row in people(MANY)}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_alone(program: Program, name: str) -> None:
    out = stays_out(program)
    program.config(target={"batch_size": 150 if name == "too_large" else 25})
    program.state.faults.set(name, 0.3)
    documents = runs_until_through(program)
    check_end(program, out)
    assert program.state.faults.struck[name]
    counted = tally_of(documents)
    # Whose row was lost from the answer after an answer that was lost altogether is known as there, not as created.
    assert MANY - 5 <= counted["created"] <= MANY
    program.state.faults.clear()
    assert program.counts() == {"rows": MANY + 3, "people": MANY + 3, "unchanged": MANY, "skipped": 3}


@pytest.mark.parametrize("seed", range(4))
def test_all_faults_together(program: Program, seed: int) -> None:
    out = stays_out(program)
    program.config(target={"batch_size": 120})
    program.state.faults.random.seed(seed)
    for name in FAULTS:
        program.state.faults.set(name, 0.05)
    documents = runs_until_through(program)
    check_end(program, out)
    counted = tally_of(documents)
    # Whose row was lost from the answer after an answer that was lost altogether is known as there, not as created.
    assert MANY - 5 <= counted["created"] <= MANY


@pytest.mark.parametrize("seed", range(3))
def test_updates_and_ends_under_all_faults(program: Program, seed: int) -> None:
    out = stays_out(program)
    runs_until_through(program)
    still = [customer(n, city="Neustadt") for n in range(0, MANY, 2)]
    left = [customer(n, subscribed="opted_out") for n in range(1, MANY, 2)]
    program.write(*still, *left)
    program.state.faults.random.seed(seed)
    for name in FAULTS:
        program.state.faults.set(name, 0.05)
    documents = runs_until_through(program)
    assert program.active() == {row["email"] for row in still}
    shown = program.list()
    assert {shown[row["email"]].values["city"] for row in still} == {"Neustadt"}
    assert all(SUBSCRIBER not in shown[row["email"]].tags for row in left)
    assert tally_of(documents)["updated"] == len(still)
    assert tally_of(documents)["deactivated"] == len(left)
    assert not program.active() & set(out)


class TestForGood:
    """A server that does nothing else any more."""

    @pytest.mark.parametrize("name", ["rate_limit", "unavailable", "reset", "error_200"])
    def test_ends_with_5_and_the_next_run_resumes(self, program: Program, name: str) -> None:
        program.write(*people(100))
        program.counts(limit=50)
        program.state.faults.set(name, 1, only="upsertplus")
        error = program.failing()
        assert isinstance(error, TemporaryError)
        assert error.retryable
        assert 200 < program.clock.passed < 700
        program.check_ledger()
        program.state.faults.clear()
        finished = program.run()
        assert finished.document["resumed"]
        assert len(program.active()) == 100
        assert counted(finished.document)["people"] == 100

    def test_false_and_row_for_row_refusal_stops_after_three_batches(self, program: Program) -> None:
        program.config(target={"batch_size": 4})
        program.write(*people(200))
        program.state.faults.set("false", 1)
        finished = program.run()
        assert isinstance(finished.error, RejectedError)
        assert (finished.error.code, finished.document["complete"]) == (4, False)
        assert 12 <= finished.document["counts"]["rejected"] <= 40
        assert finished.document["rejected"] == {"refused_400": finished.document["counts"]["rejected"]}
        assert not program.list()
        program.state.faults.clear()
        assert program.counts()["created"] == 200
        assert program.rejects == []

    def test_unauthorized_for_good(self, program: Program, gate: Gate) -> None:
        program.write(*people(1))
        gate.always(READ, refusal(401, "Unauthorized"))
        program.state.add_group("Online shop")
        error = program.failing()
        assert isinstance(error, AuthError)
        assert len(gate.named(READ)) == 2

    def test_drop_row_rejects_and_the_next_run_sends(self, program: Program) -> None:
        program.write(*people(40))
        program.state.faults.set("drop_row", 1, times=1)
        finished = program.run()
        assert finished.document["rejected"] == {"not_confirmed": 1}
        assert finished.document["complete"]
        assert len(program.rejects) == 1
        assert program.rejects[0]["email"] not in program.list()
        assert program.counts() == {"rows": 40, "people": 40, "created": 1, "unchanged": 39}
        assert program.rejects == []


class TestRetries:
    def test_are_counted(self, program: Program) -> None:
        program.write(*people(10))
        program.state.faults.set("unavailable", 1, times=3)
        finished = program.run()
        assert finished.document["requests"]["retries"] == 3
        assert finished.document["requests"]["target"] == program.state.traffic.by.total()

    def test_a_401_is_one_retry_with_a_new_token(self, program: Program) -> None:
        program.write(*people(10))
        program.state.faults.set("unauthorized", 1, times=1)
        finished = program.run()
        assert finished.error is None
        assert program.state.traffic.by["POST /oauth/token.php"] == 2
        assert finished.document["requests"]["target"] == program.state.traffic.by.total()
        assert finished.document["requests"]["retries"] == 1

    def test_waits_grow_with_jitter(self, program: Program) -> None:
        program.write(*people(1))
        program.state.faults.set("unavailable", 1, times=6)
        program.run()
        # Waiting happens in slices of half a second, so that a signal is noticed.
        assert max(program.clock.waits) <= 0.5
        assert 7 < program.clock.passed < 32

    def test_retry_after_is_obeyed(self, program: Program, gate: Gate) -> None:
        program.write(*people(1))
        gate.on(UPSERT, refusal(429, Retry_After="77"))
        assert program.counts()["created"] == 1
        assert 77 <= program.clock.passed <= 79

    def test_retry_after_0_does_not_hammer(self, program: Program, gate: Gate) -> None:
        program.write(*people(1))
        gate.on(UPSERT, *[refusal(429, Retry_After="0")] * 5)
        assert program.counts()["created"] == 1
        assert program.clock.passed > 1

    def test_retry_after_beyond_what_is_left_ends_at_once(self, program: Program, gate: Gate) -> None:
        program.write(*people(1))
        gate.always(UPSERT, refusal(429, "Too Many Requests", Retry_After="3600"))
        error = program.failing()
        assert isinstance(error, TemporaryError)
        assert "3,600 seconds" in error.message
        assert "3,600" in (error.hint or "")
        assert program.clock.passed == 0
        assert len(gate.writes()) == 1

    def test_retry_for_0_tries_once(self, program: Program, gate: Gate) -> None:
        program.config(limits={"retry_for": 0})
        program.write(*people(1))
        gate.always(UPSERT, refusal(503))
        assert isinstance(program.failing(), TemporaryError)
        assert len(gate.writes()) == 1

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_for_longer_than_retry_for(self, program: Program, gate: Gate, status: int) -> None:
        program.config(limits={"retry_for": "60s"})
        program.write(*people(1))
        gate.always(UPSERT, refusal(status))
        error = program.failing()
        assert isinstance(error, TemporaryError)
        assert str(status) in error.message
        assert 20 < program.clock.passed < 61

    def test_token_endpoint_down_counts_once(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        program.write(*people(1))
        program.state.faults.set("reset", 1, only="token")
        error = program.failing()
        assert isinstance(error, TemporaryError)
        assert 200 < program.clock.passed < 301


class TestSplitting:
    def test_413_makes_smaller_batches_for_the_rest(self, program: Program, gate: Gate) -> None:
        program.config(target={"batch_size": 200, "concurrency": 1})
        program.write(*people(1000))
        program.state.faults.set("too_large", 1)
        assert program.counts()["created"] == 1000
        sizes = [len(asked.body) for asked in gate.writes()]
        assert sizes[0] == 200
        # What was under way when the first refusal came is split, too; afterwards nobody asks for more again.
        assert sizes.count(200) <= 3
        assert set(sizes) == {200, 100}

    @pytest.mark.parametrize(
        "no", [answer(200, False), refusal(400), refusal(422), answer(400, b"<html>Bad Request</html>")]
    )
    def test_one_bad_row_costs_one_row(self, program: Program, gate: Gate, no: Callable[..., Response]) -> None:
        bad = customer(17)["email"]

        def picky(asked: Asked, carry_out: Answered) -> Response:
            return no(asked, carry_out) if bad in asked.emails else carry_out()

        gate.always(UPSERT, picky)
        program.config(target={"batch_size": 64})
        program.write(*people(200))
        finished = program.run()
        assert counted(finished.document) == {"rows": 200, "people": 200, "created": 199, "rejected": 1}
        assert bad not in program.list()
        assert [item["email"] for item in program.rejects] == [bad]
        # Nobody who was confirmed is sent a second time, and a bad row does not make all later batches small.
        confirmed = [email for asked in gate.writes() if bad not in asked.emails for email in asked.emails]
        assert len(confirmed) == len(set(confirmed)) == 199
        assert len(gate.writes()) < 30

    def test_what_was_confirmed_before_the_other_half_failed_is_recorded(self, program: Program, gate: Gate) -> None:
        program.config(target={"concurrency": 1})
        program.write(*people(20))
        gate.on(UPSERT, refusal(413), None, refusal(403))
        finished = program.run()
        assert isinstance(finished.error, AuthError)
        assert counted(finished.document) == {"rows": 20, "people": 10, "created": 10}
        assert program.recorded() == {shown.id for shown in program.list().values()}
        assert program.counts() == {"rows": 20, "people": 20, "created": 10, "unchanged": 10}

    def test_a_timeout_is_tried_whole_once_more_then_split(self, program: Program, gate: Gate) -> None:
        program.state.add_group("Online shop")

        def slow(asked: Asked, carry_out: Answered) -> Response:
            return refusal(504)(asked, carry_out) if len(asked.body) > 10 else carry_out()

        gate.always(UPSERT, slow)
        program.config(target={"batch_size": 20, "concurrency": 1})
        program.write(*people(20))
        assert program.counts()["created"] == 20
        assert [len(asked.body) for asked in gate.writes()] == [20, 20, 10, 10]

    def test_a_timeout_whose_write_was_carried_out_counts_as_created(self, program: Program, gate: Gate) -> None:
        program.state.add_group("Online shop")

        def late(asked: Asked, carry_out: Answered) -> Response:
            carry_out()
            return refusal(504)(asked, carry_out)

        gate.on(UPSERT, late)
        program.write(*people(10), customer(10, subscribed="no", orders="2"))
        program.config(activate=["subscriber"])
        finished = program.run()
        assert counted(finished.document) == {"rows": 11, "people": 11, "created": 11}
        assert finished.document["activation"] == {
            "created_active": 10,
            "created_inactive": 1,
            "activated": 0,
            "without_consent": 0,
        }
        first, second = gate.writes()
        assert all("activated" in row for row in first.body)
        # No stamps go to those who are found.
        assert not any({"activated", "registered", "deactivated"} & set(row) for row in second.body)
        # Created inactive by crsync: a consent makes them active later.
        program.write(*people(10), customer(10, subscribed="yes"))
        finished = program.run()
        assert finished.document["activation"]["activated"] == 1
        assert len(program.active()) == 11


class TestNoUsableAnswer:
    @pytest.mark.parametrize(
        "odd",
        [
            answer(200, b"<html>maintenance</html>", content_type="text/html"),
            answer(200, b'[{"id": "1", "email":'),
            answer(200, "done"),
            answer(200, True),
            answer(200, b"\xff\xfe\x00"),
            lost,
            dropped,
        ],
    )
    def test_the_batch_is_read_and_decided_again(self, program: Program, gate: Gate, odd: Any) -> None:
        program.write(*people(30))
        gate.on(UPSERT, odd)
        assert program.counts() == {"rows": 30, "people": 30, "created": 30}
        first, second = gate.writes()
        between = gate.calls[gate.calls.index(first) : gate.calls.index(second)]
        assert [asked.emails for asked in between if asked.name == READ] == [first.emails]
        assert first.emails == second.emails

    def test_an_error_with_status_200_is_that_error(self, program: Program, gate: Gate) -> None:
        program.write(*people(1))
        gate.on(UPSERT, answer(200, {"error": {"code": 429, "message": "Too Many Requests"}}))
        assert program.counts()["created"] == 1
        gate.always(READ, answer(200, {"error": {"code": 403, "message": "Forbidden"}}))
        program.write(*people(2))
        error = program.failing()
        assert isinstance(error, AuthError)
        assert "plan" in (error.hint or "")

    def test_403_is_6_and_names_the_quota(self, program: Program) -> None:
        program.write(*people(30))
        program.state.switches.contact_limit = 10
        error = program.failing()
        assert isinstance(error, AuthError)
        assert "quota" in (error.hint or "")
        program.check_ledger()
        program.state.switches.contact_limit = 0
        finished = program.run()
        assert finished.document["resumed"]
        assert len(program.active()) == 30

    def test_the_list_deleted_meanwhile_is_2(self, program: Program, gate: Gate) -> None:
        program.write(*people(30))
        gate.always(UPSERT, refusal(404, "Not Found: invalid group"))
        error = program.failing()
        assert isinstance(error, UsageError)
        assert "list" in error.message

    @pytest.mark.parametrize("odd", [False, "no", 7, {"success": False}, [False], [7]])
    @pytest.mark.parametrize(
        "name", [READ, "POST /v3/receivers/filter", "GET /v3/blacklist"], ids=["read", "filter", "blacklist"]
    )
    def test_who_left_is_not_taken_for_unknown(self, program: Program, gate: Gate, name: str, odd: Any) -> None:
        """A reading that cannot be understood must not read as `nobody is there`."""
        out = stays_out(program)
        gate.on(name, answer(200, odd))
        finished = program.run()
        assert not program.active() & set(out)
        assert finished.error is None
        assert finished.document["counts"]["skipped"] == 3
        assert finished.document["requests"]["retries"] == 1


class TestReading:
    def test_refused_get_receivers_falls_back_to_email_list(self, program: Program, gate: Gate) -> None:
        out = stays_out(program)
        program.state.switches.get_receivers = False
        runs = runs_until_through(program)
        check_end(program, out)
        assert len(runs) == 1
        assert len(gate.named(READ)) <= 2 * 2  # both workers may try it once
        assert gate.named("GET /v3/groups/{id}/receivers")

    def test_a_server_that_does_not_know_the_filter(self, program: Program, gate: Gate) -> None:
        """It answers with the first page of the list, whomever it was asked for."""
        out = stays_out(program)

        def unfiltered(asked: Asked, _carry_out: Answered) -> Response:
            rows = list(program.rows().values())[: asked.body["pagesize"]]
            return answer(200, rows)(asked, _carry_out)

        gate.always(READ, unfiltered)
        runs_until_through(program)
        check_end(program, out)

    def test_one_that_answers_with_everybody(self, program: Program, gate: Gate) -> None:
        out = stays_out(program)
        program.state.write(program.list_id, *({"email": f"other{n}@example.org"} for n in range(99)))
        gate.always(READ, answer(200, list(program.rows().values())))
        runs_until_through(program)
        assert not program.active() & set(out)
        assert program.active() >= {row["email"] for row in people(MANY)}

    def test_one_that_never_answers_what_it_is_asked(self, program: Program, gate: Gate) -> None:
        out = stays_out(program)
        program.state.write(program.list_id, *({"email": f"other{n}@example.org"} for n in range(999)))
        everybody = answer(200, list(program.rows().values())[:50])

        def meddle(asked: Asked, carry_out: Answered) -> Response:
            reads = asked.name in (READ, "GET /v3/groups/{id}/receivers")
            return everybody(asked, carry_out) if reads else carry_out()

        gate.meddle = meddle
        error = program.failing()
        assert "not asked for" in error.message
        assert not gate.writes()
        assert not program.active() & set(out)


class TestCreatingTheList:
    def test_a_lost_answer_does_not_make_two_lists(self, program: Program, gate: Gate) -> None:
        program.write(*people(5))
        gate.on("POST /v3/groups", lost)
        assert program.counts()["created"] == 5
        assert [group.name for group in program.state.groups.values()] == ["Online shop"]
        assert len(program.active()) == 5


def test_secrets_in_an_echo_are_hidden(program: Program, gate: Gate) -> None:
    basic = base64.b64encode(f"id:{SECRET}".encode()).decode()
    program.write(*people(1))
    echo = f"bad request {SECRET} Basic {basic} {customer(0)['email']} {customer(0)['last_name']} {customer(0)['city']}"
    gate.always(UPSERT, refusal(503, echo))
    error = program.failing()
    told = f"{error.message} {error.hint} {program.said.steps} {program.said.warnings}"
    for hidden in (SECRET, basic, customer(0)["email"], customer(0)["last_name"], customer(0)["city"]):
        assert hidden not in told
    assert "bad request" in told


def test_one_answer_that_lacks_them_does_not_spare_anybody_their_end(program: Program, gate: Gate) -> None:
    rows = people(3)
    program.write(*rows)
    program.counts()
    program.write({**rows[0], "subscribed": "opted_out", "subscribed_at": ""}, *rows[1:])
    gate.on(READ, answer(200, []))
    assert program.counts() == {"rows": 3, "people": 3, "deactivated": 1, "unchanged": 2}
    assert program.active() == {row["email"] for row in rows[1:]}


@pytest.mark.parametrize("gone", [False, True])
def test_nor_do_answers_that_show_nobody_at_all(program: Program, gate: Gate, gone: bool) -> None:
    rows = people(3)
    program.config(source={"complete": True})
    program.write(*rows)
    program.counts()
    program.write(*(rows[1:] if gone else [{**rows[0], "subscribed": "opted_out", "subscribed_at": ""}, *rows[1:]]))
    gate.always(READ, answer(200, []))
    assert program.counts()["deactivated"] == 1
    gate.meddle = None
    assert program.active() == {row["email"] for row in rows[1:]}
    writes = program.state.traffic.writes
    program.run()
    assert program.active() == {row["email"] for row in rows[1:]}
    assert program.state.traffic.writes == writes


def test_who_was_deleted_and_withdraws_is_asked_for_once(program: Program) -> None:
    rows = people(2)
    program.write(*rows)
    program.counts()
    program.state.delete(rows[0]["email"])
    program.write({**rows[0], "subscribed": "opted_out"}, rows[1])
    assert program.run().document["skipped"] == {"deleted_in_target": 1}
    writes = program.state.traffic.writes
    for command in ("sync", "sync"):
        assert program.run(command).document["skipped"] == {"deleted_in_target": 1}
    assert program.state.traffic.writes == writes
    assert set(program.list()) == {rows[1]["email"]}


@pytest.mark.parametrize(
    "odd",
    [
        answer(200, False),
        answer(200, True),
        answer(200, []),
        answer(200, b""),
        answer(404, b"<h1>Not found</h1>"),
        refusal(404, "Not Found"),
    ],
)
def test_an_end_by_id_that_was_not_carried_out_is_none(
    program: Program, gate: Gate, odd: Callable[..., Response]
) -> None:
    rows = people(2)
    program.write(*rows)
    program.counts()
    program.write({**rows[0], "email": "new@example.org"}, rows[1])
    gate.on(PUT, odd)
    assert program.counts()["deactivated"] == 1
    assert program.active() == {"new@example.org", rows[1]["email"]}


def test_an_end_by_id_that_is_never_carried_out_is_told(program: Program, gate: Gate) -> None:
    rows = people(2)
    program.write(*rows)
    program.counts()
    program.write({**rows[0], "email": "new@example.org"}, rows[1])
    gate.always(PUT, answer(200, False))
    assert isinstance(program.failing(), TemporaryError)
    gate.meddle = None
    assert program.counts()["deactivated"] == 1
    assert program.active() == {"new@example.org", rows[1]["email"]}
