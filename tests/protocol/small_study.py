"""A small invented study of two diets, as files, for tests that break one thing at a time."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import trialmgr.protocol
from trialmgr.protocol.loader import StudyErrors, load_study
from trialmgr.protocol.model import StudyDefinition

STUDY = """\
schema_version: 1
id: diets
version: "1.0"
short_title: DIETS
title: {nl: Vezels of eiwitten, en: Fibre or protein}
public_title: {nl: Twee manieren van eten, en: Two ways of eating}
registration: TEST-1
sponsor: Nobody
target_participants: 20
valid_from: "2026-01-01"
arms:
  - {key: fibrediet, label: {nl: Vezeldieet, en: Fibre diet}}
  - {key: pro, label: {nl: PRO, en: PRO}}
sites:
  - {code: AA, name: Place A}
roles:
  - {key: nurse, label: {nl: Verpleegkundige, en: Nurse}, blinded: false}
  - {key: rater, label: {nl: Beoordelaar, en: Rater}, blinded: true, sees: entered}
  - {key: clerk, label: {nl: Beheerder, en: Clerk}, blinded: true, sees: nothing}
consents:
  - {key: c1, label: {nl: Versie 1, en: Version 1}, valid_from: "2026-01-01"}
eligibility:
  - version: "1"
    valid_from: "2026-01-01"
    criteria:
      - {id: I1, kind: inclusion, text: {nl: volwassen, en: adult}}
      - id: I2
        kind: inclusion
        text: {nl: niet te licht, en: not too light}
        rule: start.body.weight >= 40
      - id: E1
        kind: exclusion
        text: {nl: allergie, en: allergy}
        rule: judged_on < date('2026-01-01')
phases:
  - {key: run_in, label: {nl: Aanloop, en: Run-in}, opens: registration}
  - {key: diet, label: {nl: Dieet, en: Diet}, opens: allocation}
  - key: after
    label: {nl: Daarna, en: Afterwards}
    opens: gate
    gate:
      visit: end
      rule: percent_fall(start.body.weight, end.body.weight) >= 5
      label: {nl: Besluit, en: Decision}
      if_true: {nl: Verder, en: On}
      if_false: {nl: Klaar, en: Done}
      confirm_with_protocol: true
visits:
  - {key: start, label: {nl: Begin, en: Start}, phase: run_in, forms: [body, judgement], before_allocation: true}
  - key: meal
    label: {nl: Maaltijd, en: Meal}
    phase: diet
    anchor: allocation
    day: 1
    repeat: {days: [0, 3, 7]}
    arms: [fibrediet]
    forms: [diary]
  - {key: end, label: {nl: Einde, en: End}, phase: diet, anchor: allocation, day: 28, forms: [body]}
  - {key: later, label: {nl: Later, en: Later}, phase: after, anchor: allocation, day: 90, forms: [body]}
  - key: log
    label: {nl: Doorlopend, en: Log}
    phase: run_in
    kind: log
    forms: [events, leaving]
    required_forms: [leaving]
  - {key: extra, label: {nl: Extra, en: Extra}, phase: diet, kind: unscheduled, forms: [body]}
missing_reasons:
  key: reasons
  items:
    - {code: not_done, label: {nl: Niet gedaan, en: Not done}}
"""

CODELISTS = """\
codelists:
  - key: leaving
    items:
      - {code: done, label: {nl: Klaar, en: Done}}
      - {code: moved, label: {nl: Verhuisd, en: Moved}}
  - key: complaints
    items:
      - {code: thirst, label: {nl: Dorst, en: Thirst}}
      - {code: hunger, label: {nl: Honger, en: Hunger}}
"""

BODY = """\
key: body
label: {nl: Lichaam, en: Body}
entered_by: [rater]
sections:
  - key: main
    label: {nl: Metingen, en: Measurements}
    items:
      - key: weight
        type: decimal
        decimals: 1
        label: {nl: Gewicht, en: Weight}
        unit: kg
        range: {min: 20, max: 300}
        soft_range: {min: 40}
      - key: height
        type: decimal
        decimals: 2
        label: {nl: Lengte, en: Height}
        unit: m
        range: {min: 1}
        soft_range: {max: 2.2}
      - key: bmi
        type: decimal
        decimals: 1
        label: {nl: BMI, en: BMI}
        soft_range: {min: 15, max: 40}
        derive: weight / (height * height)
        examples:
          - {given: {weight: 80, height: 2.00}, gives: 20.0}
          - {given: {weight: 80, height: null}, gives: null}
      - {key: heavy, type: yes_no, label: {nl: Zwaar, en: Heavy}, derive: bmi > 30}
      - {key: measured_on, type: date, label: {nl: Gemeten op, en: Measured on}, required: false}
      - {key: copied_on, type: date, label: {nl: Overgenomen, en: Copied}, derive: measured_on}
      - {key: since, type: partial_date, label: {nl: Sinds, en: Since}, required: false}
      - {key: since_day, type: date, label: {nl: Sinds, en: Since}, derive: since}
      - {key: complaints_any, type: yes_no, label: {nl: Klachten, en: Complaints}, missing_allowed: false}
      - key: complaints
        type: multi_choice
        codelist: complaints
        label: {nl: Welke, en: Which}
        ask_if: complaints_any
      - {key: hours, type: integer, label: {nl: Uren dorst, en: Hours of thirst}, ask_if: complaints has 'thirst'}
      - {key: nights, type: integer, label: {nl: Nachten, en: Nights}, ask_if: hours > 10}
      - {key: secret, type: text, label: {nl: PRO, en: PRO}, required: false, reveals_allocation: true}
checks:
  - key: thirsty_long
    severity: soft
    fires_if: hours > 24
    items: [hours]
    message: {nl: Klopt dit, en: Is this right}
    examples:
      - {given: {hours: 25}, gives: true}
  - key: gained
    severity: hard
    fires_if: weight > start.body.weight * 2
    items: [weight]
    message: {nl: Meer dan verdubbeld, en: More than doubled}
    examples:
      - {given: {weight: 90, start.body.weight: 40}, gives: true}
"""

JUDGEMENT = """\
key: judgement
label: {nl: Oordeel, en: Judgement}
entered_by: [nurse]
signed_by: nurse
eligibility: true
sections:
  - key: main
    label: {nl: Oordeel, en: Judgement}
    items:
      - {key: judged_on, type: date, label: {nl: Datum, en: Date}}
"""

DIARY = """\
key: diary
label: {nl: Dagboek vezeldieet, en: Fibre diet diary}
entered_by: [nurse]
reveals_allocation: true
sections:
  - key: main
    label: {nl: Maaltijd, en: Meal}
    items:
      - {key: d1, type: integer, label: {nl: Een, en: One}, range: {min: 0, max: 4}}
      - {key: d2, type: integer, label: {nl: Twee, en: Two}, range: {min: 0, max: 4}}
      - {key: d3, type: integer, label: {nl: Drie, en: Three}, range: {min: 0, max: 4}}
      - {key: d4, type: integer, label: {nl: Vier, en: Four}, range: {min: 0, max: 4}}
      - {key: d5, type: integer, label: {nl: Vijf, en: Five}, range: {min: 0, max: 4}}
      - {key: d6, type: integer, label: {nl: Zes, en: Six}, range: {min: 0, max: 4}}
      - key: total
        type: integer
        label: {nl: Totaal, en: Total}
        score: {function: cadss6_total, items: [d1, d2, d3, d4, d5, d6]}
"""

EVENTS = """\
key: events
label: {nl: Gebeurtenissen, en: Events}
entered_by: [nurse]
reveals_allocation: true
repeating: true
sections:
  - key: main
    label: {nl: Gebeurtenis, en: Event}
    items:
      - {key: what, type: long_text, label: {nl: Wat, en: What}}
"""

LEAVING = """\
key: leaving
label: {nl: Vertrek, en: Leaving}
entered_by: [nurse]
ends_participation: status
sections:
  - key: main
    label: {nl: Vertrek, en: Leaving}
    items:
      - {key: status, type: choice, codelist: leaving, label: {nl: Hoe, en: How}}
"""

RANDOMIZATION = """\
method: permuted_blocks
factors:
  - {key: site, source: site}
  - {key: complaints, source: start.body.complaints_any}
block_sizes: {2: 1, 4: 1}
length_per_stratum: 40
"""

FILES = {
    "study.yaml": STUDY,
    "codelists.yaml": CODELISTS,
    "forms/body.yaml": BODY,
    "forms/judgement.yaml": JUDGEMENT,
    "forms/diary.yaml": DIARY,
    "forms/events.yaml": EVENTS,
    "forms/leaving.yaml": LEAVING,
    "restricted/randomization.yaml": RANDOMIZATION,
}


def write(folder: Path, files: dict[str, str | bytes | None] | None = None) -> Path:
    """The small study with some files replaced; None leaves a file out."""
    for name, content in {**FILES, **(files or {})}.items():
        if content is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def broken(name: str, old: str, new: str) -> dict[str, str | bytes | None]:
    assert old in FILES[name], f"{old!r} is not in {name}"
    return {name: FILES[name].replace(old, new, 1)}


def faults(folder: Path, files: dict[str, str | bytes | None]) -> list[str]:
    """What the loader says of the small study with these files."""
    try:
        load_study(write(folder, files))
    except StudyErrors as errors:
        return [str(error) for error in errors.errors]
    return []


def definition(folder: Path, files: dict[str, str | bytes | None] | None = None) -> StudyDefinition:
    return load_study(write(folder, files))


RESET_TRD = Path(trialmgr.protocol.__file__).parent / "studies" / "reset_trd"


@lru_cache(maxsize=1)
def shipped() -> StudyDefinition:
    """The study the system ships with."""
    return load_study(RESET_TRD)
