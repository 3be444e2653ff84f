"""Supertags. CCGbank needs a licence of the LDC, so a user points to a copy of it.

The labels are the categories that carry most words of English text; every rarer one is read as `other`.
"""

from waystage.tasks.benchmarks import XTREME_R, words
from waystage.tasks.task import Files, Task
from waystage.tasks.udpos import treebanks

CATEGORIES = words(
    r"N N/N NP NP[nb]/N NP\NP NP/NP NP/N (NP\NP)/NP (NP\NP)/(NP\NP) (NP\NP)/N (NP\NP)/(S[dcl]/NP) (NP\NP)/(S[dcl]\NP) "
    r"(NP\NP)/S[dcl] (NP/N)\NP ((NP\NP)\(NP\NP))/NP (N/N)/(N/N) (N/N)\(N/N) ((N/N)/(N/N))/((N/N)/(N/N)) N\N N/PP "
    r"(N/PP)/PP N/S[em] PP PP/NP PP/PP (PP/NP)/NP S[dcl] S/S S\S S/NP S[em]/S[dcl] S[qem]/S[dcl] S[for]/(S[to]\NP) "
    r"(S/S)/NP (S/S)/S[dcl] (S/S)/(S/S) (S/S)/N (S/S)/(S[ng]\NP) (S/S)/(S[to]\NP) (S\S)/NP "
    r"S[dcl]\NP (S[dcl]\NP)/NP (S[dcl]\NP)/PP (S[dcl]\NP)/S[dcl] (S[dcl]\NP)/S[em] S[dcl]\S[dcl] (S[dcl]\S[dcl])\NP "
    r"(S[dcl]\NP)/(S[b]\NP) (S[dcl]\NP)/(S[to]\NP) (S[dcl]\NP)/(S[pss]\NP) (S[dcl]\NP)/(S[pt]\NP) "
    r"(S[dcl]\NP)/(S[ng]\NP) (S[dcl]\NP)/(S[adj]\NP) ((S[dcl]\NP)/NP)/NP ((S[dcl]\NP)/PP)/NP "
    r"((S[dcl]\NP)/(S[to]\NP))/NP ((S[dcl]\NP)/(S[adj]\NP))/NP (S[dcl]\S[dcl])/NP (S[dcl]/S[dcl])/NP "
    r"S[b]\NP (S[b]\NP)/NP (S[b]\NP)/PP (S[b]\NP)/S[dcl] (S[b]\NP)/S[em] (S[b]\NP)/(S[to]\NP) (S[b]\NP)/(S[pss]\NP) "
    r"(S[b]\NP)/(S[ng]\NP) (S[b]\NP)/(S[adj]\NP) (S[b]\NP)/(S[pt]\NP) ((S[b]\NP)/NP)/NP ((S[b]\NP)/PP)/NP "
    r"((S[b]\NP)/(S[to]\NP))/NP S[to]\NP (S[to]\NP)/(S[b]\NP) S[ng]\NP (S[ng]\NP)/NP (S[ng]\NP)/PP (S[ng]\NP)/S[dcl] "
    r"(S[ng]\NP)/S[em] (S[ng]\NP)/(S[to]\NP) (S[ng]\NP)/(S[pss]\NP) (S[ng]\NP)/(S[adj]\NP) ((S[ng]\NP)/PP)/NP "
    r"S[pss]\NP (S[pss]\NP)/NP (S[pss]\NP)/PP (S[pss]\NP)/(S[to]\NP) (S[pss]\NP)/(S[adj]\NP) (S[pss]\NP)/S[em] "
    r"S[pt]\NP (S[pt]\NP)/NP (S[pt]\NP)/PP (S[pt]\NP)/S[dcl] (S[pt]\NP)/(S[pss]\NP) (S[pt]\NP)/(S[to]\NP) "
    r"(S[pt]\NP)/(S[ng]\NP) (S[pt]\NP)/(S[adj]\NP) ((S[pt]\NP)/PP)/NP S[adj]\NP (S[adj]\NP)/PP (S[adj]\NP)/(S[to]\NP) "
    r"(S[adj]\NP)/(S[adj]\NP) (S[adj]\NP)/S[em] (S[adj]\NP)\NP (S\NP)\(S\NP) (S\NP)/(S\NP) ((S\NP)\(S\NP))/NP "
    r"((S\NP)\(S\NP))/N ((S\NP)\(S\NP))/PP ((S\NP)\(S\NP))/S[dcl] ((S\NP)\(S\NP))/((S\NP)\(S\NP)) "
    r"((S\NP)\(S\NP))\((S\NP)\(S\NP)) ((S\NP)\(S\NP))/(S[ng]\NP) ((S\NP)\(S\NP))/(S[to]\NP) ((S\NP)\(S\NP))\NP "
    r"(((S\NP)\(S\NP))\((S\NP)\(S\NP)))/NP conj , . : ; LRB RRB LQU RQU other"
)
RELATIONS = words(
    "acl advcl advmod amod appos aux case cc ccomp clf compound conj cop csubj dep det discourse dislocated expl fixed "
    "flat goeswith iobj list mark nmod nsubj nummod obj obl orphan parataxis punct reparandum vocative xcomp"
)
LANGUAGES = XTREME_R.languages["udpos"]
COLUMNS = {"words": "tokens", "tags": "tags"}
REST = {"tags": {"*": "other"}}


def _auto(split: str, *sections: str) -> Files:
    paths = tuple(f"ccgbank_1_1/data/AUTO/{section}/wsj_*.auto" for section in sections)
    return Files(path=paths, format="ccgbank", columns=COLUMNS, values=REST, splits={split: split})


TASKS = (
    Task(
        name="ccg",
        title="CCG supertagging (CCGbank)",
        form="tags",
        metric="token_accuracy",
        labels=CATEGORIES,
        licence="LDC2005T13 (user agreement, no redistribution)",
        redistributable=False,
        files=(
            Files(path="ccg/{split}.tsv", format="words", columns=COLUMNS, values=REST, rows={"train": 38_015}),
            _auto("train", "0[2-9]", "1[0-9]", "2[01]"),
            _auto("dev", "00"),
            _auto("test", "23"),
        ),
        epochs=10,
    ),
    Task(
        name="supertags",
        title="UD supertags: relation to the head and its side (a free stand-in for CCG)",
        form="tags",
        metric="token_accuracy",
        labels=("root", *(relation + side for relation in RELATIONS for side in "<>")),
        languages=LANGUAGES,
        train_languages=tuple(lg for lg in LANGUAGES if lg not in {"kk", "th", "tl", "yo"}),
        licence="by treebank, CC BY-SA 3.0/4.0 to CC BY-NC-SA",
        non_commercial=True,
        files=treebanks({"words": "tokens", "tags": "syntax"}),
        derived_from=("udpos:train", "udpos:dev", "udpos:test"),  # the same sentences and trees
        epochs=10,
        note="not CCG: a tagging task as rich in syntax, for those without a licence of CCGbank",
    ),
)
