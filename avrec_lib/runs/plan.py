"""From the words of a command line to jobs: which notebooks run, with which values, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.report.run_record import Parameter
from avrec_lib.runs.notebook import PROFILES, Notebook, Profile, find_notebook, notebook_paths
from avrec_lib.runs.params import accept, convert, split_words, unknown_parameter
from avrec_lib.runs.suites import RUN_OF, SUITES_FILE, Suite, SuiteEntry, read_suites

DATASET = "dataset"


@dataclass(frozen=True)
class Job:
    """One notebook to run with its effective parameters; `needs` are keys of other jobs of the same plan."""

    key: str
    notebook: Notebook
    parameters: dict[str, Parameter]
    profile: Profile = "standard"
    suite: str | None = None
    needs: tuple[str, ...] = ()

    def with_runs(self, run_ids: dict[str, str]) -> Job:
        """The job with each `${id.run_id}` replaced by the run that `run_ids` (by key) names."""

        def filled(parameter: Parameter) -> Parameter:
            if not isinstance(parameter.value, str):
                return parameter
            text = RUN_OF.sub(lambda found: run_ids[f"{self.suite}/{found[1]}"], parameter.value)
            return Parameter(text, parameter.source)

        return replace(self, parameters={name: filled(entry) for name, entry in self.parameters.items()})


def make_plan(words: Sequence[str], assignments: Sequence[str] = (), profile: str = "standard") -> list[Job]:
    """The jobs that `words` (notebooks and suites) mean, with `assignments` (`name=value`) and `profile` applied.

    A value comes from, weakest first: the notebook's default, the suite, the notebook's profile, the command line. An
    assignment reaches every notebook that has the parameter. Raises UsageError before anything runs: an unknown
    notebook, suite, profile, parameter or data set (with the nearest name), a value of the wrong type or out of bounds.
    """
    if profile not in PROFILES:
        raise unknown_name("profile", profile, PROFILES)
    chosen: Profile = PROFILES[PROFILES.index(profile)]
    suites = read_suites()
    runs: list[tuple[Suite | None, SuiteEntry, Notebook]] = []
    for word in words:
        if word in suites:
            runs += [(suites[word], entry, _of_suite(suites[word], entry)) for entry in suites[word].entries]
        else:
            notebook = _notebook_or_suite(word, suites)
            runs.append((None, SuiteEntry(notebook.name, notebook.name), notebook))
    known = {name for _, _, notebook in runs for name in notebook.parameters}
    texts = split_words(assignments, known)
    return [_with_known_data(_job(number, *run, texts, chosen)) for number, run in enumerate(runs)]


def _with_known_data(job: Job) -> Job:
    """`job`, once its parameter `dataset` is known to name a data set; a folder becomes an absolute path.

    A kernel runs in the folder of the notebooks, where a relative path would mean another place.
    """
    named = job.parameters.get(DATASET)
    if named is None or named.source == "default" or not isinstance(named.value, str) or RUN_OF.search(named.value):
        return job
    from avrec_lib.data.opening import known_dataset

    known = Parameter(known_dataset(named.value), named.source)
    return replace(job, parameters={**job.parameters, DATASET: known})


def _job(
    number: int, suite: Suite | None, entry: SuiteEntry, notebook: Notebook, texts: dict[str, str], profile: Profile
) -> Job:
    values = {name: Parameter(spec.default, "default") for name, spec in notebook.parameters.items()}
    for name, value in entry.parameters.items():
        if name not in notebook.parameters:
            raise unknown_parameter(name, notebook.parameters)
        values[name] = Parameter(_suite_value(notebook, name, value), "suite")
    values |= {name: Parameter(value, "profile") for name, value in notebook.sizes(profile).items()}
    for name, text in texts.items():
        if name in values:
            values[name] = Parameter(convert(notebook.parameters[name], text), "command line")
    if suite is None:
        return Job(f"{number}", notebook, values, profile)
    needs = tuple(f"{suite.name}/{need}" for need in entry.needs)
    return Job(f"{suite.name}/{entry.id}", notebook, values, profile, suite.name, needs)


def _suite_value(notebook: Notebook, name: str, value: Any) -> Any:
    if isinstance(value, str) and RUN_OF.search(value) and notebook.parameters[name].type.base != "str":
        raise UsageError("The parameter {name} must be of type str to take a run id.", name=repr(name))
    return accept(notebook.parameters[name], value)


def _of_suite(suite: Suite, entry: SuiteEntry) -> Notebook:
    try:
        return find_notebook(entry.notebook)
    except UsageError as error:
        message = "The suite {suite} in {file}: {reason}"
        raise UsageError(message, suite=repr(suite.name), file=SUITES_FILE, reason=error.text()) from None


def _notebook_or_suite(word: str, suites: dict[str, Suite]) -> Notebook:
    try:
        return find_notebook(word)
    except UsageError as error:
        if error.values.get("name") == repr(word):
            raise unknown_name("notebook or suite", word, [*notebook_paths(), *suites]) from None
        raise
