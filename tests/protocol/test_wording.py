from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocol import small_study
from tests.protocol.small_study import BODY, shipped
from trialmgr.protocol.loader import StudyErrors
from trialmgr.protocol.model import StudyDefinition
from trialmgr.protocol.wording import Wording, load_wording

PACK = """\
licence: held by the hospital, number 12
forms:
  body:
    label: {nl: Lijf, en: Physique}
    recall_period: {nl: vandaag, en: today}
    sections:
      main: {nl: Meten, en: Measuring}
    items:
      weight: {nl: Hoe zwaar, en: How heavy, hint: {nl: zonder schoenen, en: without shoes}}
      hours: {nl: Hoe lang dorst, en: Thirsty how long, answers: {"3": {nl: drie, en: three}}}
    codelists:
      complaints:
        thirst: {nl: Grote dorst, en: Great thirst}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyDefinition:
    body = BODY.replace("key: body\n", "key: body\ninstrument: Scale\n", 1)
    return small_study.definition(tmp_path_factory.mktemp("study"), {"forms/body.yaml": body})


def pack(folder: Path, study: StudyDefinition, *texts: str) -> Wording:
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text, "utf-8")
    return load_wording(folder, study)


def test_a_pack_puts_its_texts_in_place_of_ours(tmp_path: Path, study: StudyDefinition) -> None:
    wording, form = pack(tmp_path, study, PACK), study.form("body")
    assert wording.form_label(form).en == "Physique"
    assert wording.recall_period(form) is not None
    assert wording.section_label(form, "main").nl == "Meten"
    assert wording.item_label(form, "weight").en == "How heavy"
    assert [wording.hint(form, key) is None for key in ("weight", "hours", "height")] == [False, True, True]
    assert wording.answers(form, "hours")["3"].en == "three"
    assert wording.code_label(form, study.codelist("complaints"), "thirst").en == "Great thirst"
    assert not wording.covers(form)


def test_what_a_pack_leaves_out_keeps_our_words(tmp_path: Path, study: StudyDefinition) -> None:
    form = study.form("body")
    for wording in (pack(tmp_path, study, PACK), load_wording(tmp_path / "absent", study)):
        assert wording.item_label(form, "height") == form.item("height").label
        assert wording.code_label(form, study.codelist("complaints"), "hunger").en == "Hunger"
        assert wording.answers(form, "height") == {}
        assert wording.section_label(study.form("diary"), "main").en == "Meal"
        assert wording.form_label(study.form("diary")) == study.form("diary").label
        assert wording.recall_period(study.form("diary")) is None


def test_a_text_of_the_form_stands_above_one_of_its_instrument(tmp_path: Path, study: StudyDefinition) -> None:
    instrument = (
        "instruments:\n  Scale:\n    items:\n      weight: {nl: a, en: Kilograms}\n      height: {nl: b, en: Metres}\n"
    )
    form = study.form("body")
    for order in ((PACK, instrument), (instrument, PACK)):
        wording = pack(tmp_path, study, *order)
        assert wording.item_label(form, "weight").en == "How heavy"
        assert wording.item_label(form, "height").en == "Metres"


def test_a_pack_that_words_every_question_covers_the_form(tmp_path: Path) -> None:
    madrs = shipped().form("madrs")
    entered = [item.key for item in madrs.items if not item.is_derived]
    lines = "".join(f"      {key}: {{nl: eigen woorden, en: own words}}\n" for key in entered)
    assert pack(tmp_path, shipped(), f"forms:\n  madrs:\n    items:\n{lines}").covers(madrs)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  body:", "  bodi:", "0.yaml:3:3 forms.bodi: the study has no form `bodi` — use one of: body,"),
        ("forms:", "instruments:", "no form of the study has the instrument `body` — use one of: Scale"),
        ("      main:", "      mane:", "the form body has no `mane` — use one of: main"),
        ("      weight:", "      wait:", "0.yaml:9:7 forms.body.items.wait: the form body has no `wait`"),
        ('"3":', '"-3":', "`-3` is no answer to hours — name a code or a number in range"),
        ("      complaints:", "      leaving:", "the form body has no `leaving` — use one of: complaints"),
        ("        thirst:", "        fever:", "the form body has no `fever` — use one of: hunger, thirst"),
        ("en: How heavy", 'en: " "', "the text in en is empty — write it in both languages"),
        ("en: How heavy", "en: How heavy on PRO", "blinded roles would read `pro`"),
        ("nl: zonder schoenen", "nl: PRO", "forms.body.items.weight.hint.nl: blinded roles would read `pro`"),
        ("en: three", "en: PRO", "blinded roles would read `pro`"),
        ("en: Great thirst", "en: PRO", "blinded roles would read `pro`"),
        ("en: Physique", "en: PRO", "forms.body.label.en: blinded roles would read `pro`"),
        ("en: Measuring", "en: PRO", "blinded roles would read `pro`"),
        ("en: How heavy, ", "", "the key `en` is missing"),
        ("    items:", "    itens:", "this key is not known — did you mean `items`?"),
        ("licence:", "\tlicence:", "a tab stands where spaces indent"),
    ],
)
def test_a_fault_of_a_pack_is_told_with_its_line(
    tmp_path: Path, study: StudyDefinition, old: str, new: str, told: str
) -> None:
    assert old in PACK
    with pytest.raises(StudyErrors) as refused:
        pack(tmp_path, study, PACK.replace(old, new, 1))
    assert any(told in str(error) for error in refused.value.errors), str(refused.value)


def test_a_text_in_two_files_is_a_fault(tmp_path: Path, study: StudyDefinition) -> None:
    with pytest.raises(StudyErrors, match=r"1.yaml:3:3 forms.body: `body` stands in 0.yaml too — keep one of the two"):
        pack(tmp_path, study, PACK, PACK)


def test_numbers_within_the_range_and_codes_may_be_put_into_words(tmp_path: Path, study: StudyDefinition) -> None:
    items = '      {key}: {{nl: a, en: b, answers: {{"{answer}": {{nl: c, en: d}}}}}}\n'
    good = [("hours", "12"), ("complaints", "thirst")]
    text = "forms:\n  body:\n    items:\n" + "".join(items.format(key=key, answer=answer) for key, answer in good)
    assert set(pack(tmp_path, study, text).answers(study.form("body"), "complaints")) == {"thirst"}
    madrs = "forms:\n  madrs:\n    items:\n" + items.format(key="madrs_1", answer="7")
    with pytest.raises(StudyErrors, match="`7` is no answer to madrs_1"):
        pack(tmp_path / "madrs", shipped(), madrs)
    for key, answer in (("weight", "80"), ("hours", "x")):
        with pytest.raises(StudyErrors, match="is no answer to"):
            pack(tmp_path / key, study, "forms:\n  body:\n    items:\n" + items.format(key=key, answer=answer))


def test_a_form_that_reveals_the_allocation_may_name_an_arm(tmp_path: Path, study: StudyDefinition) -> None:
    wording = pack(
        tmp_path,
        study,
        "forms:\n  diary: {label: {nl: PRO, en: PRO}}\n  body: {items: {secret: {nl: PRO, en: PRO}}}\n",
    )
    assert wording.form_label(study.form("diary")).en == "PRO"
