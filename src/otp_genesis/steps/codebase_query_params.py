"""The questions of `codebase_query` and what each may say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    WrapValidator,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails

from otp_genesis.contracts.step import NoEffect, Params
from otp_genesis.errors import did_you_mean
from otp_genesis.expr.loose_pattern import automaton
from otp_genesis.expr.loose_pattern_grammar import BadPattern
from otp_genesis.languages.names import NAMES

ExportType = Literal["function", "class", "interface", "type", "constant", "react_component"]
Relation = Literal["test", "source", "similar", "directory"]


def _language(value: str) -> str:
    known = NAMES.get(value.lower())
    if known is None:
        raise ValueError(f"no language {value!r}{did_you_mean(value, NAMES)}")
    return known


def _pattern(value: str) -> str:
    try:
        automaton(value)
    except BadPattern as error:
        raise ValueError(str(error)) from None
    return value


def moment(value: str) -> datetime:
    """Return the moment that a date or time in ISO 8601 means, in UTC without a zone."""
    try:
        told = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is no date: write 2024-12-31 or 2024-12-31T23:59:00") from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _moment(value: Any) -> Any:
    if isinstance(value, date):
        value = value.isoformat()
    if not isinstance(value, str):
        return value
    if not value:
        # What is not known yet, in a loop's first round, is no bound.
        return None
    moment(value)
    return value


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _joined(value: Any, validate: Callable[[Any], Any]) -> Any:
    """Make one mapping of a list of mappings with a key each; the first of a key counts.

    `true` asks without saying more, `false` does not ask.
    """
    if isinstance(value, bool):
        return validate({} if value else None)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return validate(value)
    both: dict[str, Any] = {}
    places: dict[Any, int] = {}
    for index, item in reversed(list(enumerate(value))):
        both |= item
        places |= dict.fromkeys(item, index)
    try:
        return validate(dict(reversed(both.items())))
    except ValidationError as error:
        # Complaints are about the items that stand there, not about the mapping made of them.
        raise ValidationError.from_exception_data(
            error.title, [_placed(one, places) for one in error.errors(include_url=False)]
        ) from None


def _placed(one: ErrorDetails, places: dict[Any, int]) -> InitErrorDetails:
    where = one["loc"]
    index = (places[where[0]],) if where and where[0] in places else ()
    return InitErrorDetails(
        type=one["type"], loc=(*index, *where), input=one["input"], ctx=one.get("ctx") or {}
    )


Language = Annotated[str, AfterValidator(_language)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Moment = Annotated[str | None, BeforeValidator(_moment)]
Globs = Annotated[tuple[str, ...], BeforeValidator(_several)]
Size = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class FindFiles(Params):
    """Which files are asked for."""

    type: Literal["main", "test", "config", "source", "module", "entry_point"] | None = None
    pattern: str | None = None
    """A glob pattern."""
    patterns: Globs | None = None
    """Glob patterns of which one must match."""
    exclude_patterns: Globs = ()
    in_directory: str | None = None
    recursive: bool = True
    """Whether files in folders below count too."""
    language: Language | None = None
    extension: str | None = None
    contains: str | None = None
    """A part of the path."""
    exclude_tests: bool = False
    related_to: str | None = None
    modified_since: Moment = None
    """A date or time; by the time at which the file was last written."""
    size_min: Size | None = None
    """Bytes."""
    size_max: Size | None = None
    min_size: Size | None = None
    max_size: Size | None = None
    sort_by: Literal["path", "size", "modified"] = "path"
    """`size` and `modified` begin with the greatest."""
    limit: Positive | None = None


class Where(Params):
    """In which files is looked."""

    in_file: str | None = None
    in_files: Globs | None = None
    """Paths or glob patterns."""
    exclude_patterns: Globs = ()
    exclude_tests: bool = False
    language: Language | None = None


class FindFunctions(Where):
    """Which functions are asked for."""

    name: str | None = None
    pattern: Pattern | None = None
    """A regular expression that is found in the name."""
    type: (
        Literal["function", "method", "macro", "class", "module", "interface", "type", "constant"]
        | None
    ) = None
    """`function` means methods too."""
    with_decorator: str | None = None
    with_annotation: str | None = None
    public_only: bool = False
    extract_metadata: Annotated[bool, NoEffect("all that is known is always told")] = False


class FindClasses(Where):
    """Which classes, structs and the like are asked for."""

    name: str | None = None
    pattern: Pattern | None = None
    with_base_class: str | None = None
    with_decorator: str | None = None
    include_methods: bool = False
    public_only: bool = False


class FindModules(Where):
    """Which modules are asked for."""

    name: str | None = None
    pattern: Pattern | None = None
    with_behaviour: str | None = None


class FindInterfaces(Where):
    """Which interfaces, protocols, traits and behaviours are asked for."""

    name: str | None = None
    pattern: Pattern | None = None
    exported_only: bool = False


class FindExports(Where):
    """Which exported names are asked for."""

    name: str | None = None
    pattern: Pattern | None = None
    type: ExportType | None = None
    with_props: bool = False


class FindReferences(Where):
    """Where which name is used."""

    name: str | None = None
    to_function: str | None = None
    include_line_numbers: bool = True

    @model_validator(mode="after")
    def _names_one(self) -> FindReferences:
        if (self.name is None) == (self.to_function is None):
            raise ValueError("'name' or 'to_function' says what is looked for: write one of them")
        return self

    @property
    def wanted(self) -> str:
        """The last part of the name that is looked for."""
        return (self.name or self.to_function or "").replace("::", ".").rpartition(".")[2]


class FindImports(Where):
    """Which imports are asked for."""

    external_only: bool = False
    group_by_package: bool = False


class FindDependencies(Params):
    """Whose dependencies are asked for: a file's, or the project's."""

    for_file: str | None = None
    include_transitive: bool = False
    include_stdlib: bool = True
    include_internal: bool = True
    include_external: bool = True
    max_depth: Positive | None = None
    """How far transitive ones go."""
    type: Literal["direct", "transitive", "all"] | None = None
    language: Language | None = None


class FindDependents(Params):
    """What depends on which file or module."""

    of_file: str | None = None
    of_module: str | None = None
    include_tests: bool = True
    max_depth: Positive = 1
    group_by_directory: bool = False

    @model_validator(mode="after")
    def _names_one(self) -> FindDependents:
        if (self.of_file is None) == (self.of_module is None):
            raise ValueError("'of_file' or 'of_module' says whose dependents: write one of them")
        return self


class FindCircularDependencies(Params):
    """Where circles of dependencies are looked for."""

    in_directory: str | None = None
    max_cycle_length: int = Field(default=5, ge=2, le=20)
    limit: int = Field(default=1000, ge=1, le=100_000)


class FindRelated(Params):
    """To which file others are asked for."""

    file: str
    types: tuple[Relation, ...] = ("test", "source", "similar", "directory")
    max_results: Positive = 20


class AnalyzeImpact(Params):
    """Which file's change is asked about."""

    file: str
    include_tests: bool = True
    max_depth: Positive = 3


class FindCode(Params):
    """Which lines are asked for."""

    patterns: Annotated[Globs, Field(min_length=1)]
    """Regular expressions, matched line by line as `search` does."""
    file_types: Globs = ()
    """Endings such as `.ex`."""
    limit: int = Field(default=1000, ge=1, le=100_000)


class RecentCommits(Params):
    """How many commits are asked for."""

    limit: int = Field(default=10, ge=1, le=10_000)


class ChangedFiles(Params):
    """Since when changed files are asked for; without either, what is not committed."""

    since_commit: str | None = Field(default=None, pattern=r"^[^-]")
    since: Moment = None
    include_stats: bool = False
    """Lines added and removed."""


class Contributors(Params):
    """Whose authors are asked for."""

    for_files: Globs = ()
    include_commit_count: bool = True


class ChangeFrequency(Params):
    """Since when, and from how many changes on, files are counted."""

    time_period: Annotated[str, Field(pattern=r"^\d{1,5} (day|week|month|year)s?$")] | None = None
    """Such as `3 months`, counted back from now."""
    minimum_changes: Positive = 1
    for_files: Globs = ()


def _counted(value: Any) -> Any:
    return {"limit": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Query(Params):
    """Questions whose answers stand together: one `find_…` or `analyze_…`, any `get_…`.

    What is asked for stands as a mapping, as a list of mappings, or is `true`.
    """

    find_files: Annotated[FindFiles | None, WrapValidator(_joined)] = None
    find_functions: Annotated[FindFunctions | None, WrapValidator(_joined)] = None
    find_classes: Annotated[FindClasses | None, WrapValidator(_joined)] = None
    find_modules: Annotated[FindModules | None, WrapValidator(_joined)] = None
    find_interfaces: Annotated[FindInterfaces | None, WrapValidator(_joined)] = None
    find_exports: Annotated[FindExports | None, WrapValidator(_joined)] = None
    find_references: Annotated[FindReferences | None, WrapValidator(_joined)] = None
    find_imports: Annotated[FindImports | None, WrapValidator(_joined)] = None
    find_dependencies: Annotated[FindDependencies | None, WrapValidator(_joined)] = None
    find_dependents: Annotated[FindDependents | None, WrapValidator(_joined)] = None
    find_circular_dependencies: Annotated[
        FindCircularDependencies | None, WrapValidator(_joined)
    ] = None
    find_related: Annotated[FindRelated | None, WrapValidator(_joined)] = None
    find_code: Annotated[FindCode | None, WrapValidator(_joined)] = None
    find_entry_points: bool = False
    analyze_impact: Annotated[AnalyzeImpact | None, WrapValidator(_joined)] = None
    get_project_type: bool = False
    get_language: bool = False
    get_framework: bool = False
    get_structure: bool = False
    get_dependencies: bool = False
    get_git_status: bool = False
    get_git_info: bool = False
    get_recent_commits: Annotated[
        RecentCommits | None, WrapValidator(_joined), BeforeValidator(_counted)
    ] = None
    get_changed_files: Annotated[ChangedFiles | None, WrapValidator(_joined)] = None
    get_contributors: Annotated[Contributors | None, WrapValidator(_joined)] = None
    get_change_frequency: Annotated[ChangeFrequency | None, WrapValidator(_joined)] = None

    @model_validator(mode="after")
    def _can_stand_together(self) -> Query:
        asked = self.asked()
        if not asked:
            raise ValueError(f"nothing is asked; a query is one of {', '.join(_questions())}")
        finds = [name for name in asked if not name.startswith("get_")]
        if len(finds) > 1:
            raise ValueError(f"{finds[0]!r} and {finds[1]!r} must be queries of their own")
        if self.get_dependencies and self.find_dependencies:
            raise ValueError(
                "'get_dependencies' and 'find_dependencies' must be queries of their own"
            )
        return self

    def asked(self) -> dict[str, Any]:
        """Return what is asked, each with what is said of it."""
        fields = type(self).model_fields
        found = {name: getattr(self, name) for name in fields}
        return {name: value for name, value in found.items() if value not in (None, False)}


def _questions() -> tuple[str, ...]:
    return tuple(Query.model_fields)
