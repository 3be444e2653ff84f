import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage import languages
from waystage.errors import UnknownName
from waystage.languages import distance, observed_features, select, shared_features, syntactic
from waystage.languages.typology import FEATURES, KINDS, LEAST_SHARED, profiles

CODES = st.sampled_from(select("all"))


@given(CODES, CODES, st.sampled_from(KINDS))
def test_distances_are_symmetric_and_between_0_and_1(a, b, kind):
    apart = distance(a, b, kind)
    assert apart == distance(b, a, kind)
    assert apart is None or 0 <= apart <= 1


@given(CODES, st.sampled_from(KINDS))
def test_nothing_is_far_from_itself(code, kind):
    known = observed_features(code) >= LEAST_SHARED or kind in ("genetic", "script")
    assert distance(code, code, kind) == (0 if known else None)


@given(CODES, CODES)
def test_few_shared_features_give_no_distance(a, b):
    found = syntactic(a, b)
    assert found.shared == shared_features(a, b) <= min(observed_features(a), observed_features(b))
    assert found.coverage == found.shared / FEATURES
    assert (found.value is None) == (found.shared < LEAST_SHARED)


def test_the_whole_table_can_be_compared():
    codes = select("xtreme-r")
    for a in codes:
        for b in codes:
            syntactic(a, b)


def test_distances_from_english_as_computed_apart():
    """Cosine over shared features, computed with numpy straight from lang2vec's file."""
    for code, value in {"zh": 0.2684, "fi": 0.2677, "hi": 0.3551, "de": 0.1330, "ar": 0.3610}.items():
        assert distance("en", code) == pytest.approx(value, abs=1e-4)
    assert distance("en", "zh") < distance("en", "hi")


def test_coverage_of_poorly_described_languages():
    shares = {"jv": 0.17, "ht": 0.36, "gu": 0.47, "ml": 0.50, "kk": 0.12, "az": 0.53, "qu": 0.80}
    for code, share in shares.items():
        assert round(observed_features(code) / FEATURES, 2) == share
    assert distance("en", "jv") is None
    assert distance("en", "jv", "featural") is None


def test_the_code_of_uriel_is_recorded():
    chosen = {code: profiles()[code].uriel for code in ("az", "qu", "et", "ar", "zh", "hr", "ms", "sk")}
    expected = {"az": "aze", "qu": "que", "et": "est", "ar": "arb", "zh": "cmn", "hr": "hbs", "ms": "msa", "sk": ""}
    assert chosen == expected


def test_genetic_steps():
    assert distance("en", "nl", "genetic") == 0
    assert distance("en", "hi", "genetic") == 0.5
    assert distance("en", "fi", "genetic") == 1
    assert distance("ht", "pcm", "genetic") == 0.5  # two creoles are no family


def test_featural_is_the_mean_of_the_others():
    parts = [distance("en", "ru", kind) for kind in ("syntactic", "genetic", "script")]
    assert distance("en", "ru", "featural") == pytest.approx(sum(parts) / 3)


def test_every_profile_has_one_value_per_feature():
    assert profiles().keys() == {one.code for one in languages.all_languages()}
    for profile in profiles().values():
        assert len(profile.values) == FEATURES
        assert all(v is None or 0 <= v <= 1 for v in profile.values)


def test_unknown_kinds_are_refused():
    with pytest.raises(UnknownName, match="syntactic"):
        distance("en", "de", "syntax")
