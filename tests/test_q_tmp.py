import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests import walk
from tests.walk import *
def test_q(cast):
    p = walk.randomised(cast)
    v = walk.visited(cast, p, "week_1")
    v = walk.visit_of(p, "week_2")
    from crf.actions import set_visit_day, save_entry
    day = v.target_on
    from trialmgr.studies.queries import one_version
    with walk._on(day), one_version():
        set_visit_day(by=cast.at("UMCG", Role.COORDINATOR), visit=v, on=day, reason="x")
        form = form_for(p, p.study_version.definition, "madrs")
        vals = walk.answers(p, form, day)
        by = walk.enterer(cast, "UMCG", form)
        by.roles_at(p.site)
        with CaptureQueriesContext(connection, ) as c:
            save_entry(by=by, visit=v, form_key="madrs", values=vals)
        for q in c.captured_queries: print(q["sql"][:230].replace("\n"," ")); print()
        print(len(c.captured_queries))
    assert 0
