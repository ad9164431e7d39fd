import collections
from compatibility.test_properties import *
C=collections.Counter()
@SLOW
@given(documents())
def test_x(bench, text):
    d=migrate(text,"d.yaml",prepared(bench))
    C["passed" if d.passed else "not"]+=1
    C["err" if d.errors else "ok"]+=1
    C["undec"]+=bool(d.undecided)
    C["renames"]+=any("→ steps" in c.what or '→ state' in c.what for c in d.changes)
    if d.passed:
        r=bench.run(whole(text)); bench.events.clear(); C[r.status]+=1
def test_y(): print(C); 
