"""recorder"""
import pytest
from collections import defaultdict
from django.db import transaction
from django.urls import reverse
from tests.addresses import addresses
from tests.matrix.house import WHO, build
from trialmgr.overview.rehearsal.cast import standing_cast
DEF={"number":"UMCG-001","slug":"baseline","form":"madrs","row":1,"item":"madrs_total","n":1,"query":1,"phase":"follow_up","key":"x","username":"rater-umcg","code":"UMCG","version":"consent_v1","token":"x","name":"codebook.csv"}
OVER={"rand":1}
@pytest.mark.django_db
def test_record(django_db_setup, django_db_blocker):
    out=open("/tmp/matrix.txt","w")
    with django_db_blocker.unblock(), transaction.atomic():
        house=build(standing_cast())
        for a in addresses():
            kw={k:DEF[k] for k in a.arguments}
            if a.name.startswith(("randomization:list","randomization:activate","exports","people:end")) and "number" in kw: kw["number"]=1
            if a.name in ("crf:rows","crf:new_row","crf:remove","api:rows","api:entry_remove"): kw|={"slug":"log","form":"adverse_event"}
            url=reverse(a.name,kwargs=kw)
            for m in ("get","post"):
                res=defaultdict(str)
                for w in [*WHO,"?"]:
                    sid=transaction.savepoint()
                    try:
                        c=house.visitor(w)
                        r=getattr(c,m)(url)
                        code=r.status_code
                        if code==500: print(url,w,m,file=out)
                    except Exception as e:
                        code="EXC "+repr(e)[:80]
                    transaction.savepoint_rollback(sid)
                    res[code]+=w
                print(a.name,m,dict(res),file=out,flush=True)
        transaction.set_rollback(True)
