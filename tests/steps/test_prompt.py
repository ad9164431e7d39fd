"""The step that asks a model: text, data, repair, fallback."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Bench, Genesis, Write

from otp_genesis.contracts.provider import Health, Reply, Request
from otp_genesis.errors import NoProvider, ProviderError
from otp_genesis.model.event import ModelCalled
from otp_genesis.providers import BUILT_IN
from otp_genesis.providers.scripted import Scripted, ScriptedProvider

SCHEMA = "{type: object, properties: {n: {type: integer}}, required: [n]}"
ASK = f"- {{name: a, type: prompt, prompt: how many, output_schema: {SCHEMA}}}"


def scripted(bench: Bench, *answers: Any, name: str = "scripted") -> ScriptedProvider:
    provider = ScriptedProvider(answers, name=name)
    bench.runtime.providers.register(provider, replace=True)
    return provider


def test_an_answer_is_text_and_data(bench: Bench) -> None:
    """Where text is expected it is its text; its other fields can be asked for."""
    scripted(bench, Scripted(when="hi", text="hello", data={"mood": "good"}), "again")
    result = bench.results(
        """
        - {name: a, type: prompt, prompt: "hi {{ inputs.prompt }}"}
        - name: b
          type: set_variable
          variables: {t: "{{ steps.a }}!", m: "{{ steps.a.mood }}", p: "{{ steps.a.provider }}"}
        - {name: c, type: prompt, prompt: "{{ state.t }} {{ state.m }} {{ state.p }}"}
        """,
        {"prompt": "you"},
    )

    assert result["a"]["text"] == "hello"
    assert (result["a"]["provider"], result["a"]["usage"]["input_tokens"]) == ("scripted", 1)
    provider = bench.runtime.providers.get("scripted").provider
    assert isinstance(provider, ScriptedProvider)
    assert [one.prompt for one in provider.requests] == ["hi you", "hello! good scripted"]


@pytest.mark.parametrize(
    "text", ['{"n": 7}', 'Sure:\n```json\n{"n": 7}\n```\nDone.', 'It is {"n": 7}, I think.']
)
def test_data_is_found_in_the_answer(bench: Bench, text: str) -> None:
    """With a schema the result is the data, wherever in the answer it stands."""
    scripted(bench, text)

    assert bench.results(ASK)["a"] == {"n": 7}


def test_a_misfit_is_sent_back(bench: Bench) -> None:
    """An answer that does not fit goes back with the errors, and the next one counts."""
    provider = scripted(
        bench, Scripted(text="none", once=True), Scripted(text='{"n": "x"}', once=True), '{"n": 3}'
    )

    assert bench.results(ASK)["a"] == {"n": 3}
    assert len(provider.requests) == 3
    assert "there is no JSON in the answer" in provider.requests[1].prompt
    assert "$.n: 'x' is not of type 'integer'" in provider.requests[2].prompt
    assert all(one.prompt.startswith("how many") for one in provider.requests)


def test_a_model_that_never_fits(bench: Bench) -> None:
    """After two repairs it is a failure that holds what the model said."""
    provider = scripted(bench, '{"n": null}')
    failure = bench.failure(ASK)

    assert len(provider.requests) == 3
    assert "no answer that fits the schema: $.n: None is not of type 'integer'" in failure
    assert failure.endswith('it said: {"n": null}')


def test_the_second_provider_answers_where_the_first_fails(bench: Bench) -> None:
    """A failed provider is passed over, and both calls are told of."""
    scripted(bench, Scripted(error="overloaded", retryable=True))
    scripted(bench, "from the second", name="second")
    result = bench.results("- {name: a, type: prompt, prompt: hi}")
    calls = [event for event in bench.events if isinstance(event, ModelCalled)]

    assert (result["a"]["text"], result["a"]["provider"]) == ("from the second", "second")
    assert [(c.provider, c.error) for c in calls] == [("scripted", "overloaded"), ("second", None)]
    assert {call.path for call in calls} == {"t/a"}


class Flawed:
    """A provider whose author made mistakes."""

    name = "flawed"
    capabilities: frozenset[str] = frozenset(("text",))

    def __init__(self, *, checks: bool):
        self.checks = checks

    async def check(self) -> Health:
        """Be there, or not even that."""
        if not self.checks:
            raise KeyError("no such thing")
        return Health(True)

    async def complete(self, request: Request) -> Reply:
        """Do what no provider may."""
        raise ZeroDivisionError("oh")


@pytest.mark.parametrize("checks", [True, False])
def test_a_flawed_provider_stops_nobody(bench: Bench, checks: bool) -> None:
    """Whatever one provider raises, the next is asked."""
    bench.runtime.providers.unregister("scripted")
    bench.runtime.providers.register(Flawed(checks=checks))
    scripted(bench, "fine", name="second")

    assert bench.results("- {name: a, type: prompt, prompt: hi}")["a"]["text"] == "fine"


def test_all_providers_failed(bench: Bench) -> None:
    """The failure names each, and its reason."""
    scripted(bench, Scripted(error="overloaded"))
    scripted(bench, Scripted(error="no credit"), name="second")

    assert bench.failure("- {name: a, type: prompt, prompt: hi}") == (
        "t/a: scripted: overloaded; second: no credit"
    )


def test_attempts_ask_again(bench: Bench) -> None:
    """A step's attempts count for errors that may pass, and for no others."""
    passing = Scripted(error="busy", retryable=True, once=True)
    provider = scripted(bench, passing, passing, "at last")
    text = "- {name: a, type: prompt, prompt: hi, attempts: 3}"

    assert bench.results(text)["a"]["text"] == "at last"
    assert len(provider.requests) == 3
    provider = scripted(bench, Scripted(error="no credit"))
    bench.failure(text)
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("prompt: hi, provider: nobody", "nobody: it is not registered; known: anthropic, claude"),
        ("prompt: hi, needs: [images]", "cannot do images"),
    ],
)
def test_nobody_can(bench: Bench, step: str, said: str) -> None:
    """Where no provider fits, the error says what each lacks."""
    scripted(bench, "x")

    with pytest.raises(NoProvider, match=said):
        bench.run(f"- {{name: a, type: prompt, {step}}}")


@pytest.mark.parametrize(
    "around",
    [
        "{name: p, type: parallel, branches: {a: [STEP], b: [STEP]}}",
        "{name: p, type: for_loop, data_source: [1, 2], parallel: true, steps: [STEP]}",
        "{name: p, type: for_loop, data_source: [1, 2], steps: [STEP]}",
        "{name: p, type: while_loop, condition: true, steps: [STEP]}",
        "{name: p, type: pipeline, pipeline: {steps: [STEP]}}",
    ],
)
def test_nobody_can_however_deep(bench: Bench, around: str) -> None:
    """Also from within loops and branches it is this error that ends the run."""
    inner = "{name: a, type: prompt, prompt: hi, needs: [images]}"

    with pytest.raises(NoProvider):
        bench.run(f"- {around.replace('STEP', inner)}")


def test_no_provider_ends_with_3_and_can_be_resumed(genesis: Genesis, write: Write) -> None:
    """The command says what is known, prints no report, and goes on once there is a provider."""
    write("p.yaml", "workflow: {name: p, steps: [{name: a, type: prompt, prompt: hi}]}")
    script = write("script.yaml", "- {text: hello}")
    done = genesis("run", "p.yaml", "--run-id", "r", "--json")

    assert (done.returncode, done.stdout) == (3, "")
    first, *known, last = done.stderr.splitlines()
    assert first == "error: no provider offers text:"
    assert [line.split(":")[0].strip() for line in known] == sorted(BUILT_IN)
    assert known[-1] == (
        "  scripted: it has no script — name one in genesis.toml: [providers.scripted]"
    )
    assert last == "then go on with: genesis run --resume r"
    again = genesis("run", "--resume", "r", "--json", GENESIS_SCRIPT=str(script))
    assert again.returncode == 0
    assert json.loads(again.stdout)["results"]["a"]["text"] == "hello"


def test_usage_is_counted(bench: Bench) -> None:
    """The report adds up what all calls consumed."""
    scripted(bench, "x" * 40)
    report = bench.run(
        "- {name: e, type: for_loop, data_source: [1, 2], steps: "
        "[{name: a, type: prompt, prompt: 'ABCDEFGH'}]}"
    )

    assert (report.usage.input_tokens, report.usage.output_tokens) == (4, 20)


def test_a_script_that_is_none(genesis: Genesis, write: Write) -> None:
    """A script that cannot be read is a wrong setting."""
    script = write("script.yaml", "{text: [")
    done = genesis("providers", GENESIS_SCRIPT=str(script))

    assert done.returncode == 2
    assert "not a list of scripted answers" in done.stderr


def test_deep_json_in_an_answer_is_no_crash(bench: Bench) -> None:
    """A model may say anything."""
    scripted(bench, "[" * 100_000)

    assert "there is no JSON in the answer" in bench.failure(ASK)


def test_errors_carry_what_matters() -> None:
    """`ProviderError` says whether asking again may help."""
    assert ProviderError("x", retryable=True).retryable is True


def test_the_raw_text_of_a_misfit_is_kept(bench: Bench) -> None:
    """An answer that never fits fails the step, and what the model said is in its output."""
    provider = scripted(bench, 'I would say: {"n": "many"}')
    results = bench.results(
        "- {name: a, type: prompt, prompt: how many, repairs: 1, on_error: continue,"
        " output_schema: {type: object, properties: {n: {type: integer}}}}"
    )

    assert results["a"]["output"] == {"text": 'I would say: {"n": "many"}'}
    assert "no answer that fits the schema" in results["a"]["error"]
    assert len(provider.requests) == 2
    assert "Your last answer did not fit the schema" in provider.requests[1].prompt
