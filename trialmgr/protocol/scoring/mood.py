"""Depression, suicidality, mania and general psychopathology. Each function names its source and version."""

from __future__ import annotations

from decimal import Decimal

from trialmgr.protocol.scoring.function import Answers, ScoreFunction, bounds, highest, highest_of_all, prorated, total


def _hdrs17_total(answers: Answers) -> Decimal | None:
    """Item 16 (weight) coded 3 means not assessed and adds nothing."""
    weight = answers[15]
    return total([*answers[:15], Decimal(0) if weight == 3 else weight, *answers[16:]])


def _ids_scored(answers: Answers) -> Answers:
    """Of appetite (11, 12) and of weight (13, 14) the higher answer counts; a form may ask one of each pair."""
    return [*answers[:10], highest(answers[10:12]), highest(answers[12:14]), *answers[14:]]


def _ids_sr_total(answers: Answers) -> Decimal | None:
    return total(_ids_scored(answers))


def _ids_sr_total_prorated(answers: Answers) -> Decimal | None:
    """At most a fifth of the 28 scored answers may be missing."""
    return prorated(_ids_scored(answers), allowed=5)


def _madrs_total_prorated(answers: Answers) -> Decimal | None:
    return prorated(answers, allowed=1)


def _qids_from_ids(answers: Answers) -> Decimal | None:
    """Nine domains out of the 30 IDS-SR items: sleep 1-4, sadness 5, appetite and weight 11-14, 15, 16, 18, 19, 20,
    restless or slowed 23-24."""
    single = [answers[number - 1] for number in (5, 15, 16, 18, 19, 20)]
    return total([highest_of_all(answers[:4]), highest(answers[10:14]), highest_of_all(answers[22:24]), *single])


def _qids_sr16_total(answers: Answers) -> Decimal | None:
    """Nine domains: the highest of sleep 1-4, of appetite and weight 6-9 (one of each pair may be blank), of 15-16."""
    return total([highest_of_all(answers[:4]), answers[4], highest(answers[5:9]), *answers[9:14], _slowed(answers)])


def _slowed(answers: Answers) -> Decimal | None:
    return highest_of_all(answers[14:16])


def _cssrs_ideation(answers: Answers) -> Decimal | None:
    """The highest category answered yes, 0 if none. Without thoughts in category 2, 3 to 5 are not asked."""
    not_asked = answers[1] == 0
    for category in (5, 4, 3, 2, 1):
        answer = answers[category - 1]
        if answer is None and not (not_asked and category > 2):
            return None
        if answer == 1:
            return Decimal(category)
    return Decimal(0)


def _rated(answers: Answers) -> Decimal | None:
    """0 means not assessed: missing, not the lowest."""
    return answers[0] or None


def _cgi_efficacy_index(answers: Answers) -> Decimal | None:
    """Therapeutic effect (1-4) and side effects (1-4) as one number, 1 to 16."""
    effect, side_effects = answers
    return None if effect is None or side_effects is None else (effect - 1) * 4 + side_effects


def _sum_of_rated(answers: Answers) -> Decimal | None:
    """0 means not rated and is passed over; nothing rated at all is missing."""
    return None if None in answers or not any(answers) else total(answers)


_HDRS17_HIGHEST = (4, 4, 4, 2, 2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 4, 3, 2)
# Irritability (5), speech (6), content (8) and disruptive behaviour (9) count double.
_YMRS_HIGHEST = (4, 4, 4, 4, 8, 8, 4, 8, 8, 4, 4)

FUNCTIONS = (
    ScoreFunction("madrs_total", "1", "Montgomery and Asberg 1979", bounds(*[6] * 10), total),
    ScoreFunction(
        "madrs_total_prorated",
        "1",
        "Montgomery and Asberg 1979; one missing answer as the mean of the others, an assumption",
        bounds(*[6] * 10),
        _madrs_total_prorated,
    ),
    ScoreFunction("hdrs17_total", "1", "Hamilton 1960, 17 items", bounds(*_HDRS17_HIGHEST), _hdrs17_total),
    ScoreFunction("ids_sr_total", "1", "Rush et al. 1996; ids-qids.org", bounds(*[3] * 30), _ids_sr_total),
    ScoreFunction(
        "ids_sr_total_prorated",
        "1",
        "Rush et al. 1996; up to five of 28 missing answers as the mean of the others, an assumption",
        bounds(*[3] * 30),
        _ids_sr_total_prorated,
    ),
    ScoreFunction("qids_sr16_total", "1", "Rush et al. 2003; ids-qids.org", bounds(*[3] * 16), _qids_sr16_total),
    ScoreFunction("qids_from_ids", "1", "Rush et al. 2003; ids-qids.org", bounds(*[3] * 30), _qids_from_ids),
    ScoreFunction("cssrs_ideation", "1", "C-SSRS scoring guide, ideation score", bounds(*[1] * 5), _cssrs_ideation),
    ScoreFunction(
        "cssrs_intensity",
        "1",
        "C-SSRS: frequency, duration, control, deterrents, reasons; 2 to 25",
        ((1, 5), (1, 5), (0, 5), (0, 5), (0, 5)),
        total,
    ),
    ScoreFunction("cgi_rating", "1", "Guy 1976; 0 is not assessed", bounds(7), _rated),
    ScoreFunction("cgi_efficacy_index", "1", "Guy 1976", ((1, 4), (1, 4)), _cgi_efficacy_index),
    ScoreFunction("ymrs_total", "1", "Young et al. 1978", bounds(*_YMRS_HIGHEST), total),
    ScoreFunction("bprs18_total", "1", "Overall and Gorham 1962; 0 is not rated", bounds(*[7] * 18), _sum_of_rated),
    ScoreFunction("bprs_psychosis", "1", "BPRS, four items of psychosis", bounds(*[7] * 4), _sum_of_rated),
)
