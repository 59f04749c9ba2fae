"""The randomisation in words: a public description, a restricted one, and texts for the report of the trial.

Sources: SPIRIT 2013 items 16a-c (2025: 21a-23) for the protocol, CONSORT 2010 items 8a-10 (2025: 17a-19) for the
report. The public text is made without the restricted part of the study but for two things that it has to say: whether
participants are minimised, allocated simply or with a restriction, and the factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from randomization.methods.comparison.figures import label
from randomization.methods.definition import design_of, factors_of, randomization_of
from randomization.methods.descriptions import wording as say
from randomization.methods.designs import CompleteRandomization, Design, Minimisation
from randomization.methods.lists.rows import GENERATED
from trialmgr.protocol.model import Language, StudyDefinition, Text


@dataclass(frozen=True, slots=True)
class People:
    """Labels of the roles that do each thing."""

    make: tuple[Text, ...]
    activate: tuple[Text, ...]
    randomise: tuple[Text, ...]
    blinded: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What is noted of a list. Days as ISO dates; ``strata``: key and rows of each."""

    number: int
    origin: str
    algorithm: str
    commitment: str
    list_hash: str
    manifest_hash: str
    made_on: str
    made_by: str
    activated_on: str
    activated_by: str
    strata: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """``facts``: name and value."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    sections: tuple[Section, ...]

    def markdown(self) -> str:
        lines = [f"# {self.title}", ""]
        for section in self.sections:
            lines += [f"## {section.heading}", ""]
            lines += [line for paragraph in section.paragraphs for line in (paragraph, "")]
            lines += [f"- {name}: {value}" for name, value in section.facts]
            lines += [""] if section.facts else []
        return "\n".join(lines)


@dataclass(frozen=True)
class _Words:
    """What the sentences are filled with."""

    study: StudyDefinition
    people: People
    listed: ListFacts | None
    language: Language

    def __call__(self, text: Text, **more: object) -> str:
        return text(self.language).format(
            ratio=":".join(str(arm.ratio) for arm in self.study.arms),
            arms=len(self.study.arms),
            factors=self.listing(factors_of(self.study)),
            make=self.roles(self.people.make),
            activate=self.roles(self.people.activate),
            randomise=self.roles(self.people.randomise),
            blinded=self.roles(self.people.blinded),
            **more,
        )

    def roles(self, labels: Iterable[Text]) -> str:
        return self.listing(label(self.language) for label in labels)

    def listing(self, names: Iterable[str]) -> str:
        *first, last = [*names] or ["–"]
        joined = ", ".join(first)
        return f"{joined} {'and' if self.language == 'en' else 'en'} {last}" if first else last


def public_description(
    study: StudyDefinition, people: People, listed: ListFacts | None, language: Language
) -> Document:
    """For the protocol and for whoever asks. Names no arm. DesignRefused when the study describes no randomisation."""
    words, design = _Words(study, people, listed, language), design_of(study)
    return Document(
        f"{study.short_title}: {say.PUBLIC(language)}",
        (
            Section(say.ABOUT(language), (), tuple(_about(words))),
            Section(say.SEQUENCE(language), tuple(_sequence(words, design))),
            Section(say.CONCEALMENT(language), tuple(_concealment(words))),
            Section(say.IMPLEMENTATION(language), (words(say.WHO), words(say.WHO_IS_BLINDED))),
        ),
    )


def restricted_description(
    study: StudyDefinition, people: People, listed: ListFacts | None, language: Language
) -> Document:
    """For the statistician and the inspector: with block sizes, weights and hashes."""
    words, design = _Words(study, people, listed, language), design_of(study)
    public = public_description(study, people, listed, language)
    return Document(
        f"{study.short_title}: {say.RESTRICTED(language)}",
        (
            Section(say.HANDLE(language), (words(say.NEVER_SHOW),)),
            *public.sections,
            Section(say.DESIGN(language), (), tuple(_parameters(words, design))),
            Section(say.LISTED(language), () if listed else (say.NO_LIST(language),), tuple(_list_facts(words))),
        ),
    )


def consort_texts(study: StudyDefinition, people: People, listed: ListFacts | None, language: Language) -> Document:
    """Sentences for the report of the trial; they name block sizes, so they are restricted until it has ended."""
    words, design = _Words(study, people, listed, language), design_of(study)
    return Document(
        f"{study.short_title}: {say.CONSORT(language)}",
        (
            Section(say.HANDLE(language), (words(say.NEVER_SHOW),)),
            Section(say.ITEM_8A(language), tuple(_generated(words, design))),
            Section(say.ITEM_8B(language), (_type_of(words, design),)),
            Section(say.ITEM_9(language), (words(say.CONCEALED), *_committed(words))),
            Section(say.ITEM_10(language), (words(say.IMPLEMENTED),)),
        ),
    )


# --- parts -----------------------------------------------------------------------------------------------------------


def _about(words: _Words) -> Iterator[tuple[str, str]]:
    study, language = words.study, words.language
    yield say.TITLE(language), study.public_title(language)
    yield say.REGISTRATION(language), study.registration
    yield say.SPONSOR(language), study.sponsor
    yield say.VERSION(language), study.version


def _sequence(words: _Words, design: Design) -> Iterator[str]:
    if isinstance(design, Minimisation):
        yield words(say.MINIMISED)
    elif words.listed is not None and words.listed.origin != GENERATED:
        yield words(say.IMPORTED)
    else:
        yield words(say.MADE)
    if not isinstance(design, Minimisation):
        yield words(say.SIMPLE if isinstance(design, CompleteRandomization) else say.RESTRICTED_KIND)
        yield words(say.STRATIFIED if factors_of(words.study) else say.NOT_STRATIFIED)
    yield words(say.ELSEWHERE)


def _concealment(words: _Words) -> Iterator[str]:
    yield words(say.CENTRAL)
    yield from _committed(words)


def _committed(words: _Words) -> Iterator[str]:
    if words.listed is not None:
        yield words(say.COMMITTED, day=words.listed.made_on, commitment=words.listed.commitment)


def _parameters(words: _Words, design: Design) -> Iterator[tuple[str, str]]:
    language, given = words.language, randomization_of(words.study)
    yield say.METHOD(language), label(design)(language)
    yield say.ARMS(language), words.listing(f"{arm.label(language)} ({arm.ratio})" for arm in words.study.arms)
    sizes = design.parameters().get("block_sizes", {})
    total = sum(sizes.values())
    for size, weight in sizes.items():
        yield say.BLOCK(language).format(size=size), say.CHANCE(language).format(weight=weight, total=total)
    for name, value in design.parameters().items():
        if name not in ("method", "ratio", "block_sizes", "factors"):
            yield name, str(value)
    for factor, levels in factors_of(words.study).items():
        yield say.FACTOR(language).format(factor=factor), words.listing(levels)
    yield say.ROWS(language), str(given.length_per_stratum)
    yield say.ENVELOPES(language), str(given.envelopes)
    yield say.LEAD(language), str(given.supply_lead_weeks)


def _list_facts(words: _Words) -> Iterator[tuple[str, str]]:
    listed, language = words.listed, words.language
    if listed is None:
        return
    yield say.NUMBER(language), str(listed.number)
    yield say.ALGORITHM(language), listed.algorithm
    yield say.COMMITMENT(language), listed.commitment
    yield say.LIST_HASH(language), listed.list_hash
    yield say.MANIFEST_HASH(language), listed.manifest_hash
    yield say.MADE_BY(language), f"{listed.made_by}, {listed.made_on}"
    yield say.ACTIVATED_BY(language), f"{listed.activated_by}, {listed.activated_on}"
    for key, rows in listed.strata:
        yield say.STRATUM(language).format(stratum=key), str(rows)


def _generated(words: _Words, design: Design) -> Sequence[str]:
    if isinstance(design, Minimisation):
        return (words(say.MINIMISED_THEN),)
    if words.listed is not None and words.listed.origin != GENERATED:
        return (words(say.IMPORTED_THEN),)
    algorithm = words.listed.algorithm if words.listed is not None else "trialmgr-list/1"
    return (words(say.MADE_THEN, algorithm=algorithm),)


def _type_of(words: _Words, design: Design) -> str:
    by = words(say.BY_FACTORS) if factors_of(words.study) else ""
    return words(say.TYPE, method=label(design)(words.language), chances=_chances(words, design), by=by)


def _chances(words: _Words, design: Design) -> str:
    """How often each of several block sizes comes."""
    sizes = design.parameters().get("block_sizes", {})
    if len(sizes) < 2:
        return ""
    total = sum(sizes.values())
    each = words.listing(f"{size} ({weight}/{total})" for size, weight in sizes.items())
    return words(say.AT_RANDOM, sizes=each)
