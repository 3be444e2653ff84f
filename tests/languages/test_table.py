import subprocess
import sys
from collections import defaultdict

import pytest

from waystage import languages
from waystage.errors import UnknownName
from waystage.languages import groups, table

AMERICAS = "aym bzd cni gn hch nah oto quy shp tar"
MASAKHA = "bam bbj ewe fon hau ibo kin lug luo mos nya pcm sna swa tsn twi wol xho yor zul bem"
STORIES = "ar en es eu hi id my ru sw te zh fr jp pt"
XCOPA = "et ht id it qu sw ta th tr vi zh"
SIB_WITH_SHORT_CODE = (
    "afr_Latn aka_Latn amh_Ethi arb_Arab asm_Beng ayr_Latn azj_Latn bak_Cyrl bam_Latn bel_Cyrl ben_Beng bod_Tibt "
    "bos_Latn bul_Cyrl cat_Latn ces_Latn cym_Latn dan_Latn deu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn "
    "eus_Latn ewe_Latn fao_Latn pes_Arab fij_Latn fin_Latn fra_Latn fuv_Latn gaz_Latn gla_Latn gle_Latn glg_Latn "
    "grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn ind_Latn isl_Latn "
    "ita_Latn jav_Latn jpn_Jpan kan_Knda kas_Arab kas_Deva kat_Geor kaz_Cyrl khk_Cyrl khm_Khmr kik_Latn kin_Latn "
    "kir_Cyrl kon_Latn kor_Hang kmr_Latn lao_Laoo lvs_Latn lim_Latn lin_Latn lit_Latn ltz_Latn lug_Latn mal_Mlym "
    "mar_Deva mkd_Cyrl plt_Latn mlt_Latn mri_Latn mya_Mymr nld_Latn nno_Latn nob_Latn npi_Deva nya_Latn oci_Latn "
    "ory_Orya pan_Guru pol_Latn por_Latn pbt_Arab quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sin_Sinh "
    "slk_Latn slv_Latn smo_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn "
    "sun_Latn swe_Latn swh_Latn tam_Taml tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi tsn_Latn tso_Latn "
    "tuk_Latn tur_Latn twi_Latn uig_Arab ukr_Cyrl urd_Arab uzn_Latn vie_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn "
    "zho_Hans zho_Hant zsm_Latn zul_Latn"
)


@pytest.mark.parametrize("one", languages.all_languages(), ids=lambda one: one.code)
def test_every_code_name_and_alias_leads_to_the_language_and_back(one):
    for said in (one.code, one.name, one.iso3, *one.aliases):
        for spelled in (said, said.upper(), said.lower(), said.replace("_", "-"), f" {said} "):
            assert languages.get(spelled) is one
            assert languages.resolve(spelled) == one.code
    assert languages.name(one.code) == one.name


def test_no_two_languages_share_a_name():
    owners = defaultdict(set)
    for one in languages.all_languages():
        for said in (one.code, one.name, one.iso3, *one.aliases):
            owners[table.slug(said)].add(one.code)
    assert {said: codes for said, codes in owners.items() if len(codes) > 1} == {}


def test_no_language_is_called_like_a_group_or_a_family_of_others():
    names = {table.slug(s): one.code for one in languages.all_languages() for s in (one.code, one.name, *one.aliases)}
    assert not names.keys() & set(groups.NAMED)
    for family in names.keys() & groups.families().keys():
        assert groups.having("family", family) == {names[family]}


def test_the_table_is_in_the_order_of_codes():
    codes = [one.code for one in languages.all_languages()]
    assert codes == sorted(set(codes))
    assert len(codes) >= 120


@pytest.mark.parametrize("listed", [AMERICAS, MASAKHA, STORIES, XCOPA, SIB_WITH_SHORT_CODE])
def test_languages_of_the_data_sets_are_known(listed):
    for code in listed.split():
        languages.get(code)


def test_flores_scripts_agree_with_the_table():
    other_script = {"kas_Deva", "zho_Hant"}
    for said in set(SIB_WITH_SHORT_CODE.split()) - other_script:
        assert languages.get(said).script == said.split("_")[1], said


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("cmn", "zh"), ("zho-CN", "zh"), ("Chinese", "zh"), ("pes", "fa"), ("per", "fa"), ("swh", "sw"), ("swa", "sw"),
        ("lvs", "lv"), ("ekk", "et"), ("azj", "az"), ("aze", "az"), ("azb", "azb"), ("quy", "qu"), ("que", "qu"),
        ("fil", "tl"), ("tgl", "tl"), ("sna-Latn", "sn"), ("eng_Latn", "en"), ("jp", "ja"), ("nb", "no"), ("iw", "he"),
        ("haitian_creole", "ht"), ("oto", "oto"), ("kmr", "ku"), ("kur", "ku"), ("zsm", "ms"), ("msa", "ms"),
    ],
)  # fmt: skip
def test_known_traps_of_codes(said, code):
    assert languages.resolve(said) == code


def test_all_cells_are_filled_with_known_values():
    for one in languages.all_languages():
        assert one.word_order in {"SOV", "SVO", "VSO", "VOS", "OVS", "OSV", "none"}, one
        assert one.adposition in {"pre", "post", "none"}, one
        assert one.adjective_order in {"AN", "NA"}, one
        assert one.morphology in {"isolating", "agglutinative", "fusional", "introflexive", "polysynthetic"}, one
        assert len(one.script) == 4 and one.script.istitle(), one
        assert 0 <= one.resource <= 5, one
        assert one.speakers is None or one.speakers > 1000, one
        assert one.family and one.genus and len(one.glottocode) == 8 and len(one.iso3) == 3, one
    assert {one.code for one in languages.all_languages() if one.speakers is None} == {"la", "nah"}


def test_facts_that_anybody_can_check():
    facts = {
        "ja": ("Japonic", "Jpan", "SOV", "post", "AN"),
        "fr": ("Indo-European", "Latn", "SVO", "pre", "NA"),
        "cy": ("Indo-European", "Latn", "VSO", "pre", "NA"),
        "ar": ("Afro-Asiatic", "Arab", "VSO", "pre", "NA"),
        "tr": ("Turkic", "Latn", "SOV", "post", "AN"),
        "mg": ("Austronesian", "Latn", "VOS", "pre", "NA"),
        "eu": ("Basque", "Latn", "SOV", "post", "NA"),
        "sw": ("Atlantic-Congo", "Latn", "SVO", "pre", "NA"),
        "de": ("Indo-European", "Latn", "none", "pre", "AN"),
    }
    for code, fact in facts.items():
        one = languages.get(code)
        assert (one.family, one.script, one.word_order, one.adposition, one.adjective_order) == fact


def test_one_genus_lies_in_one_family():
    families = defaultdict(set)
    for one in languages.all_languages():
        families[one.genus].add(one.family)
    assert {genus: found for genus, found in families.items() if len(found) > 1} == {}


def test_unknown_codes_get_close_matches():
    with pytest.raises(UnknownName, match=r"no language is called 'Finish' \(did you mean 'Finnish'"):
        languages.get("Finish")


def test_importing_loads_nothing_heavy():
    heavy = "numpy pandas torch scipy pyarrow importlib.metadata"
    code = f"import sys, waystage.languages; print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
