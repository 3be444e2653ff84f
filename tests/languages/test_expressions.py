import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage import languages
from waystage.errors import InputError, UnknownName
from waystage.languages import groups, select
from waystage.languages.groups import pretraining

OFFICIAL_XTREME_R = (
    "af ar az bg bn de el en es et eu fa fi fr gu he hi ht hu id it ja jv ka kk ko lt ml mr ms my nl pa pl pt qu ro ru "
    "sw ta te th tl tr uk ur vi wo yo zh"
)
ALL = [one.code for one in languages.all_languages()]
ATOMS = st.one_of(
    st.sampled_from(ALL),
    st.sampled_from([*groups.NAMED, *groups.families()]),
    st.sampled_from(["zh-CN", "haitian-creole", "script:Latn", "order:SOV", "resource:1-3", "unseen:mbert"]),
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["|", ",", "+", "&", " - "]), inner).map("".join),
        inner.map(lambda e: f"( {e})"),
    ),
    max_leaves=6,
)


def test_the_benchmarks():
    assert len(select("xtreme")) == 40
    assert set(select("xtreme-r")) == set(OFFICIAL_XTREME_R.split())
    assert set(select("xtreme-r - xtreme")) == {"az", "gu", "lt", "pa", "pl", "qu", "uk", "wo", "ro", "ht"}
    assert select("xtreme - xtreme-r") == ()


def test_the_low_resource_rule_and_its_replacement():
    assert set(select("xtreme-r & low-resource")) == set("az gu ht jv ml mr my pa qu sw te wo yo".split())
    assert set(select("low-resource")) == {one.code for one in languages.all_languages() if one.resource <= 2}
    assert select("low-resource", low_resource="resource:0-1") == select("resource:0-1")
    assert select("high-resource", low_resource="sw | yo") == select("all - sw - yo")
    assert select("low-resource", low_resource="low-resource - qu") == select("resource:0-2 - qu")
    assert "Joshi" in languages.low_resource_rule()
    assert "resource:0-1" in languages.low_resource_rule("resource:0-1")


def test_atoms_ask_the_columns():
    table = languages.all_languages()
    assert select("uralic") == select("family:Uralic") == ("et", "fi", "hu", "myv")
    assert select("script:arab") == tuple(one.code for one in table if one.script == "Arab")
    assert select("order:SOV & adposition:pre") == tuple(
        one.code for one in table if one.word_order == "SOV" and one.adposition == "pre"
    )
    assert select("resource:5") == ("ar", "de", "en", "es", "fr", "ja", "zh")
    assert select("genus:western-mande") == ("bm",)
    assert select("adjective:NA & morphology:introflexive & xtreme") == ("ar", "he")


def test_what_a_model_never_saw():
    assert select("xtreme-r & unseen:xlm-r") == ("ht", "qu", "wo", "yo")
    assert select("xtreme-r & unseen:mbert") == ("qu", "wo")
    assert len(pretraining()["xlm-r"]) == 93
    for seen in pretraining().values():
        assert seen <= set(ALL)


def test_a_hyphen_inside_a_name_is_no_minus():
    assert select("zh-CN") == ("zh",)
    assert select("zho-CN - zh") == ()
    assert select("xtreme-r - haitian-creole") == tuple(c for c in select("xtreme-r") if c != "ht")


def test_operators_go_from_left_to_right_and_and_binds_tighter():
    assert select("en | fr - en") == ("fr",)
    assert select("en | (fr - en)") == ("en", "fr")
    assert select("en | fr & de") == ("en",)
    assert select("(en|fr)&(fr|de)") == ("fr",)
    assert select("all - xtreme - xtreme-r") == select("all - (xtreme | xtreme-r)")


def test_lists_are_united_and_the_universe_limits():
    assert select(["yo", "zh-CN", "Korean"]) == ("ko", "yo", "zh")
    assert select("all", "xtreme & turkic") == ("kk", "tr")
    assert select("all", ["tur", "en"]) == ("en", "tr")
    assert select([]) == ()


@given(EXPRESSIONS, EXPRESSIONS)
def test_laws_of_sets(a, b):
    left, right = set(select(a)), set(select(b))
    assert set(select(f"({a}) | ({b})")) == left | right == set(select([a, b])) == set(select(f"({b}),({a})"))
    assert set(select(f"({a}) & ({b})")) == left & right == set(select(a, universe=b))
    assert set(select(f"({a}) - ({b})")) == left - right
    assert set(select(f"all - (({a}) | ({b}))")) == set(select(f"(all - ({a})) & (all - ({b}))"))


@given(EXPRESSIONS)
def test_the_order_is_that_of_the_table(expression):
    chosen = select(expression)
    assert list(chosen) == [code for code in ALL if code in chosen]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("xtreme-r & low-resorce", r"'low-resorce' \(did you mean 'low-resource'.*position 12 of"),
        ("xtreme - Englsh", r"'Englsh' \(did you mean 'English'.*position 10 of"),
        ("script:Latin", r"no script is called 'Latin' \(did you mean 'Latn'\?\) \(position 1 of"),
        ("en | order:SVX", r"no order is called 'SVX'.*SVO.*position 6 of"),
        ("resource:6", r"no class from 0 to 5.*resource:0-2 \(position 1"),
        ("resource:low", r"no class from 0 to 5"),
        ("unseen:gpt", r"mbert, xlm-r"),
        ("scrpt:Latn", r"'scrpt' \(did you mean 'script'\?\)"),
        ("(en | fr", r"this \( is never closed \(position 1 of"),
        ("en | fr)", r"this \) was not opened \(position 8 of"),
        ("en fr", r"expected one of .* before this \(position 4 of"),
        ("xtreme -en", r"a minus needs a blank on both sides.*position 8 of"),
        ("xtreme en- fr", r"a minus needs a blank on both sides.*position 8 of"),
        ("en &", r"expected a language or a group \(position 5 of"),
        ("en | | fr", r"expected a language or a group \(position 6 of"),
        ("", r"expected a language or a group \(position 1 of ''"),
        ("indo-europen", r"did you mean 'indo-european'"),
    ],
)
def test_bad_expressions_say_where_and_what_else(expression, message):
    with pytest.raises(InputError, match=message):
        select(expression)


def test_bad_universe_and_rule_are_found_too():
    with pytest.raises(UnknownName, match="xtrem-"):
        select("en", universe="xtrem-")
    with pytest.raises(UnknownName, match="resorce"):
        select("en", low_resource="low-resorce")
