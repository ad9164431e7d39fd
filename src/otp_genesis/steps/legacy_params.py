"""What the model steps of pipeline_ex take: every key that it knows, and no other."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from otp_genesis.contracts.step import NoEffect, Params, StepNames
from otp_genesis.model.prompt import Prompt, TextFormat, steps_named
from otp_genesis.steps.claude_options import ClaudeOptions, Preset

Place = tuple[str | int, ...]
Parts = Annotated[Prompt, StepNames(steps_named)]
_KEPT = NoEffect("every finished step and its variables are kept anyway")


def steps_named_in_tasks(tasks: Any) -> Iterator[tuple[Place, str]]:
    """Yield the steps that the prompts of tasks read, each with its place."""
    for index, task in enumerate(tasks if isinstance(tasks, list) else ()):
        if isinstance(task, dict):
            for place, name in steps_named(task.get("prompt")):
                yield (index, "prompt", *place), name


class Asking(Params):
    """What every step has that asks a model."""

    provider: str | None = None
    """Ask this provider and no other."""
    role: str | None = None
    """For readers: `brain`, `muscle`."""
    streaming: Annotated[
        dict[str, Any] | None, NoEffect("a result is kept whole, however large it is")
    ] = None


class Claude(Asking):
    """Parameters of `claude`."""

    prompt: Parts
    claude_options: ClaudeOptions | None = None
    output_schema: dict[str, Any] | None = None
    """JSON Schema (2020-12) that the answer must satisfy; the result then holds its `data`, too."""


class ClaudeSmart(Claude):
    """Parameters of `claude_smart`."""

    preset: Preset | None = None
    """What the options begin with; `development` without it."""
    environment_aware: bool = False
    """Whether the preset is the workflow's `environment.mode`, where none is named."""
    options: Annotated[dict[str, Any] | None, NoEffect("write 'claude_options'")] = None


class SessionConfig(Params):
    """How a conversation is kept."""

    session_name: str | None = None
    """Steps that name the same go on with one conversation; the step's own name without it."""
    session_id: str | None = None
    """The provider's id of a conversation that was begun elsewhere."""
    max_turns: int | None = Field(default=None, ge=1)
    """How often the conversation may be answered; one more is a failure."""
    persist: Annotated[
        bool,
        NoEffect("a conversation is kept with its run; in another run name its 'session_id'"),
    ] = False
    continue_on_restart: Annotated[bool, _KEPT] = False
    checkpoint_frequency: Annotated[int, Field(ge=1), _KEPT] = 5
    checkpoint_interval: Annotated[int | None, Field(ge=1), _KEPT] = None
    max_session_turns: Annotated[int | None, Field(ge=1), NoEffect("write 'max_turns'")] = None
    description: str | None = None


class Turn(Params):
    """One thing that is said in `claude_session`."""

    turn: int | None = None
    """Its number, for readers: they are said in the order in which they stand."""
    prompt: Prompt
    claude_options: ClaudeOptions | None = None
    """Laid over those of the step."""


class ClaudeSession(Asking):
    """Parameters of `claude_session`."""

    prompt: Annotated[Prompt | None, StepNames(steps_named)] = None
    claude_options: ClaudeOptions | None = None
    output_schema: dict[str, Any] | None = None
    """JSON Schema (2020-12) that each answer must satisfy; its result then holds `data`, too."""
    preset: Preset = "analysis"
    session_config: SessionConfig = SessionConfig()
    conversation: Annotated[tuple[Turn, ...], StepNames(steps_named_in_tasks)] = ()
    """What is said one after the other, each once the one before it was answered; after `prompt`,
    where there is one."""
    max_turns: Annotated[
        int | None, Field(ge=1), NoEffect("write it in 'claude_options' or 'session_config'")
    ] = None

    @model_validator(mode="after")
    def _says_something(self) -> ClaudeSession:
        if self.prompt is None and not self.conversation:
            raise ValueError("give 'prompt', or 'conversation' with one thing to say at least")
        return self


class ExtractionConfig(Params):
    """What is made of the answer's text."""

    use_content_extractor: Annotated[
        bool, NoEffect("the text of the answer is taken in any case")
    ] = False
    format: TextFormat = "text"
    post_processing: tuple[str, ...] = ()
    """`extract_code_blocks`, `extract_recommendations`, `extract_links`, `extract_key_points`,
    `format_markdown`, `generate_summary`: each adds to the text, in this order."""
    max_summary_length: int = Field(default=500, ge=1)
    """How many characters the format `summary` leaves."""
    include_metadata: bool = False
    """Whether the result holds `extraction_metadata`."""
    output_format: Annotated[str | None, NoEffect("write 'format'")] = None


with warnings.catch_warnings():
    # pydantic has an old method called `schema`, which nothing here needs.
    warnings.simplefilter("ignore", UserWarning)

    class ClaudeExtract(Claude):
        """Parameters of `claude_extract`."""

        preset: Preset = "analysis"
        extraction_config: ExtractionConfig = ExtractionConfig()
        schema: dict[str, Any] | None = None  # type: ignore[assignment]
        """JSON Schema that the answer must satisfy; the result then holds its `data`, too."""

    class GeminiInstructor(Asking):
        """Parameters of `gemini_instructor`."""

        prompt: Parts
        model: str = "gemini-2.5-flash"
        schema: dict[str, Any] | None = None  # type: ignore[assignment]
        """JSON Schema of the result; `text`, `analysis` and `summary` without it."""
        validation_mode: Annotated[
            Literal["strict", "loose"], NoEffect("an answer always has to fit its schema")
        ] = "strict"
        functions: tuple[str, ...] = ()
        """Names of functions that the model is offered, from the workflow's `gemini_functions`."""
        token_budget: TokenBudget | None = None
        output_schema: dict[str, Any] | None = None
        """The same as `schema`, which counts where both are given."""
        timeout_ms: int = Field(default=120_000, ge=1)


class BatchConfig(Params):
    """How the tasks are done."""

    max_parallel: int = Field(default=3, ge=1, le=1000)
    timeout_per_task: int = Field(default=60_000, ge=1)
    """Milliseconds."""
    consolidate_results: bool = True
    """Whether the result holds a report of all tasks as `text`."""


class BatchTask(Params):
    """One of the tasks of `claude_batch`."""

    task_id: str | None = Field(default=None, validation_alias=AliasChoices("task_id", "id"))
    """`task_0`, `task_1` … without it. `id` says the same."""
    prompt: Prompt | None = None
    file: str | None = None
    """A file of the workspace; it is the prompt where there is none."""
    claude_options: ClaudeOptions | None = None
    """Laid over those of the step."""
    output_to_file: str | None = None
    """Where its result is written, relative to the output folder."""

    @model_validator(mode="after")
    def _says_something(self) -> BatchTask:
        if self.prompt is None and self.file is None:
            raise ValueError("a task needs 'prompt' or 'file'")
        return self


class ClaudeBatch(Asking):
    """Parameters of `claude_batch`."""

    prompt: Annotated[Prompt | None, StepNames(steps_named)] = None
    """The only task, where no `tasks` are given."""
    tasks: Annotated[tuple[BatchTask, ...], StepNames(steps_named_in_tasks)] = ()
    preset: Preset = "development"
    claude_options: ClaudeOptions | None = None
    batch_config: BatchConfig = BatchConfig()

    @model_validator(mode="after")
    def _has_work(self) -> ClaudeBatch:
        if not self.tasks and self.prompt is None:
            raise ValueError("give 'tasks', or a 'prompt' as the only one")
        _require_distinct([task.task_id for task in self.tasks if task.task_id is not None])
        return self


class RetryConfig(Params):
    """How often a step asks again, after which errors, and what it gives where all failed."""

    max_retries: int = Field(default=3, ge=0, le=100)
    """How often it is asked again after the first time."""
    backoff_strategy: Literal["linear", "exponential", "fixed"] = "exponential"
    base_delay_ms: int = Field(default=1000, ge=0)
    """The first pause."""
    retry_conditions: tuple[str, ...] | None = None
    """Words of the errors after which it is asked again; without it, those that may pass."""
    fallback_action: str = "graceful_degradation"
    """`graceful_degradation`, `simplified_prompt`, `emergency_response`, `use_cached_response`,
    `skip`, `fail`; any other is the first."""


class ClaudeRobust(Claude):
    """Parameters of `claude_robust`."""

    preset: Preset = "production"
    retry_config: RetryConfig = RetryConfig()


class ParallelTask(Params):
    """One of the tasks of `parallel_claude`."""

    id: str
    prompt: Prompt
    claude_options: ClaudeOptions | None = None
    condition: bool | None = None
    """Where it is false the task is left out; write it as `{{ expression }}`."""
    output_to_file: str | None = None
    """Where its result is written, relative to the output folder."""


class ParallelConfig(Params):
    """How many tasks are done at once."""

    max_workers: int = Field(default=10, ge=1, le=1000)


class ParallelClaude(Asking):
    """Parameters of `parallel_claude`."""

    parallel_tasks: Annotated[tuple[ParallelTask, ...], StepNames(steps_named_in_tasks)]
    parallel_config: ParallelConfig = ParallelConfig()

    @model_validator(mode="after")
    def _has_work(self) -> ParallelClaude:
        if not self.parallel_tasks:
            raise ValueError("'parallel_tasks' needs one task at least")
        _require_distinct([task.id for task in self.parallel_tasks])
        return self


class TokenBudget(Params):
    """How long and how free an answer may be; numbers may be written as text."""

    max_output_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=1)
    max_input_tokens: Annotated[int | None, Field(ge=1), NoEffect("a prompt is never cut")] = None


def _named_tool(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Gemini(Asking):
    """Parameters of `gemini`."""

    prompt: Parts
    model: str = "gemini-2.5-flash-lite-preview-06-17"
    token_budget: TokenBudget | None = None
    output_schema: dict[str, Any] | None = None
    """JSON Schema (2020-12) that the answer must satisfy; the result then holds its `data`, too."""
    functions: tuple[str, ...] = ()
    """Names of functions that the model is offered, from the workflow's `gemini_functions`."""
    tools: tuple[Annotated[dict[str, Any], BeforeValidator(_named_tool)], ...] = ()
    """Functions with their descriptions, or their names alone."""
    system_instruction: str | None = None
    response_mime_type: str | None = None
    stop_sequences: tuple[str, ...] | None = None
    candidate_count: int | None = Field(default=None, ge=1)
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    timeout_ms: int = Field(default=300_000, ge=1)


def _require_distinct(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two tasks are called {name!r}")
