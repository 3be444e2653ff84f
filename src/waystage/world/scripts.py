"""Spelling: phoneme strings of the world into letters of the real scripts, so that fonts and tokenizers meet real text.

Phonemes are ASCII: consonants `p t k b d g f v s z x(sh) c(ch) h q(kh) m n r l j(y) w`, vowels `a e i o u y(ue)`.
Every alphabet is a table from phoneme to letters; syllabaries and abugidas have a function of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from waystage.world.stream import mix

VOWELS = "aeiouy"
CONSONANTS = "ptkbdgfvszxchqmnrljw"

_LATIN = {"x": "sh", "c": "ch", "j": "y", "q": "kh", "y": "ue"}
_LATIN_OF = {
    "en": {"y": "oo", "q": "ck"},
    "de": {"x": "sch", "c": "tz", "j": "j", "q": "ch", "y": "ü"},
    "nl": {"x": "sj", "c": "tj", "j": "j", "q": "ch", "u": "oe", "y": "uu"},
    "af": {"x": "sj", "c": "tj", "j": "j", "q": "g", "u": "oe", "y": "uu"},
    "fr": {"x": "ch", "c": "tch", "k": "c", "q": "qu", "u": "ou", "y": "u"},
    "ht": {"x": "ch", "c": "tch", "q": "h", "u": "ou", "e": "è"},
    "es": {"x": "j", "k": "c", "q": "qu", "y": "ie", "w": "gu"},
    "it": {"x": "sci", "c": "ci", "k": "c", "q": "qu", "y": "iu", "j": "gi", "w": "gu"},
    "pt": {"x": "x", "k": "c", "q": "qu", "j": "nh", "y": "ão", "w": "gu"},
    "ro": {"x": "ș", "c": "ci", "k": "c", "q": "ț", "j": "i", "y": "ă", "w": "v"},
    "pl": {"x": "sz", "c": "cz", "w": "ł", "v": "w", "j": "j", "q": "ch", "y": "y"},
    "lt": {"x": "š", "c": "č", "z": "ž", "j": "j", "q": "ch", "y": "ū", "w": "v"},
    "fi": {"x": "hs", "c": "ts", "j": "j", "q": "kk", "y": "y", "w": "vv", "e": "ä"},
    "et": {"x": "š", "c": "ts", "j": "j", "q": "hh", "y": "ü", "w": "v", "e": "õ"},
    "hu": {"s": "sz", "x": "s", "c": "cs", "j": "j", "q": "gy", "y": "ü", "e": "é", "w": "v"},
    "tr": {"x": "ş", "c": "ç", "j": "y", "q": "ğ", "y": "ü", "w": "v"},
    "az": {"x": "ş", "c": "ç", "j": "y", "q": "q", "y": "ü", "e": "ə", "w": "v"},
    "vi": {"x": "x", "c": "ch", "d": "đ", "e": "ê", "o": "ơ", "y": "ư", "a": "ạ"},
    "eu": {"x": "x", "c": "tx", "z": "tz", "j": "j", "q": "k", "y": "ui"},
    "yo": {"x": "ṣ", "c": "gb", "e": "ẹ", "o": "ọ", "q": "kp", "y": "ì"},
    "sw": {"q": "gh", "y": "iu"},
    "qu": {"q": "q", "y": "iy", "x": "sh", "w": "w"},
    "wo": {"x": "x", "c": "c", "j": "j", "q": "q", "e": "ë", "y": "uy"},
    "id": {"c": "c", "x": "sy", "y": "iu"},
    "ms": {"c": "c", "x": "sy", "y": "iu"},
    "jv": {"c": "c", "x": "th", "q": "dh", "y": "ie"},
    "tl": {"x": "ts", "c": "tiy", "q": "ng", "y": "uy"},
}
_ALPHABETS = {
    "Cyrl": dict(zip("ptkbdgfvszxchqmnrljwaeiouy", "пткбдгфвсзшчхъмнрлйўаеиоую", strict=True)),
    "Grek": dict(zip("ptkbdgfvszxchqmnrljwaeiouy", "πτκβδγφβσζξψχθμνρλιγαεηουω", strict=True)) | {"v": "μπ", "w": "γκ"},
    "Geor": dict(zip("ptkbdgfvszxchqmnrljwaeiouy", "პტკბდგფვსზშჩჰქმნრლჯღაეიოუც", strict=True)),
    "Armn": dict(zip("ptkbdgfvszxchqmnrljwaeiouy", "պտկբդգֆվսզշչհխմնրլյւաեիոօը", strict=True)),
    "Arab": dict(zip("ptkbdgfvszxchqmnrljwaeiouy", "پتکبدگفڤسزشچهقمنرلجغاعيوءى", strict=True)),
    "Hebr": dict(zip("ptkbdgfvszxchqmnrljwaeiouy", "פטכבדגפבסזשצהקמנרלחואעיוות", strict=True)) | {"w": "וו"},
}
_ALPHABETS["Cyrl:uk"] = _ALPHABETS["Cyrl"] | {"i": "і", "y": "ї", "e": "є", "q": "ґ", "w": "в"}
_ALPHABETS["Cyrl:bg"] = _ALPHABETS["Cyrl"] | {"x": "щ", "w": "ъ", "q": "ж", "y": "я"}
_ALPHABETS["Cyrl:kk"] = _ALPHABETS["Cyrl"] | {"q": "қ", "y": "ү", "g": "ғ", "h": "һ", "e": "ә", "w": "у"}
_ALPHABETS["Cyrl:mn"] = _ALPHABETS["Cyrl"] | {"y": "ү", "o": "ө"}
_ALPHABETS["Arab:ar"] = _ALPHABETS["Arab"] | {"p": "ب", "g": "ج", "v": "ف", "c": "ش", "k": "ك", "j": "ض"}
_ALPHABETS["Arab:ur"] = _ALPHABETS["Arab"] | {"t": "ٹ", "d": "ڈ", "y": "ے", "h": "ہ"}

# Scripts of India share one layout: the same letter stands at the same place of each block.
_BRAHMIC = {"Deva": 0x900, "Beng": 0x980, "Guru": 0xA00, "Gujr": 0xA80, "Orya": 0xB00, "Taml": 0xB80, "Telu": 0xC00}
_BRAHMIC |= {"Knda": 0xC80, "Mlym": 0xD00}
_LETTER_AT = dict(p=0x2A, t=0x24, k=0x15, b=0x2C, d=0x26, g=0x17, f=0x2B, v=0x2D, s=0x38, z=0x1D, x=0x36, c=0x1A)
_LETTER_AT |= dict(h=0x39, q=0x16, m=0x2E, n=0x28, r=0x30, l=0x32, j=0x2F, w=0x35)
_SIGN_AT = dict(a=0x3E, e=0x47, i=0x3F, o=0x4B, u=0x41, y=0x42)
_INITIAL_AT = dict(a=0x05, e=0x0F, i=0x07, o=0x13, u=0x09, y=0x0A)
_TAMIL = {"b": "p", "d": "t", "g": "k", "f": "p", "v": "w", "z": "s", "x": "s", "q": "k"}
_SWAPS = {"Taml": _TAMIL, "Guru": {"x": "s"}, "Beng": {"w": "v"}}
_THAI = dict(zip("ptkbdgfvszxchqmnrljw", "ปตกบดคฟวสซชจหขมนรลยอ", strict=True))
_THAI_VOWELS = dict(a="า", i="ี", u="ู", y="ื")  # written after; e and o are written before the consonant
_LAO = dict(zip("ptkbdgfvszxchqmnrljw", "ປຕກບດຄຟວສຊຍຈຫຂມນຣລຢອ", strict=True))
_LAO_VOWELS = dict(a="າ", i="ີ", u="ູ", y="ື")
_MYANMAR = dict(zip("ptkbdgfvszxchqmnrljw", "ပတကဗဒဂဖဘသဇရှစဟခမနရလယဝ".replace("ှ", ""), strict=True))
_MYANMAR_VOWELS = dict(a="ာ", e="ေ", i="ီ", o="ို", u="ူ", y="ဲ")
_KANA_ROWS = dict(zip("kgszxtdcnhqbpfmjrlwv", range(20), strict=True))
_KANA = (
    "かきくけこ がぎぐげご さしすせそ ざじずぜぞ しゃししゅしぇしょ たちつてと だぢづでど ちゃちちゅちぇちょ "
    "なにぬねの はひふへほ かきくけこ ばびぶべぼ ぱぴぷぺぽ ふぁふぃふふぇふぉ まみむめも やいゆえよ らりるれろ "
    "らりるれろ わいうえを ばびぶべぼ"
).split()
_HANGUL_ONSETS = dict(g=0, q=1, n=2, d=3, f=4, r=5, l=5, m=6, b=7, v=8, s=9, x=10, w=11, z=12, j=13, c=14, k=15)
_HANGUL_ONSETS |= dict(t=16, p=17, h=18)
_HANGUL_VOWELS = dict(a=0, e=5, i=20, o=8, u=13, y=18)
_HANGUL_CODAS = dict(
    k=1, g=1, n=4, t=7, d=7, l=8, r=8, m=16, b=17, p=17, s=19, z=19, h=27, q=24, c=23, x=20, f=26, v=26
)


def syllables(word: str) -> list[str]:
    """Split before each consonant that a vowel follows (and before a vowel that stands alone)."""
    cuts = [
        i
        for i in range(1, len(word))
        if (word[i] not in VOWELS and i + 1 < len(word) and word[i + 1] in VOWELS)
        or (word[i] in VOWELS and word[i - 1] in VOWELS)
    ]
    return [word[a:b] for a, b in zip([0, *cuts], [*cuts, len(word)], strict=True)]


def _brahmic(script: str) -> Callable[[str], str]:
    base = _BRAHMIC[script]
    swap = _SWAPS.get(script, {})
    virama = chr(base + 0x4D)

    def spell(word: str) -> str:
        out, bare = "", False
        for sound in word:
            sound = swap.get(sound, sound)
            if sound in VOWELS:
                out += chr(base + (_SIGN_AT if bare else _INITIAL_AT)[sound])
                bare = False
            else:
                out += (virama if bare else "") + chr(base + _LETTER_AT[sound])
                bare = True
        return out

    return spell


def _prevowel(
    consonants: dict[str, str], vowels: dict[str, str], before: dict[str, str], carrier: str
) -> Callable[[str], str]:
    def spell(word: str) -> str:
        out = ""
        for syllable in syllables(word):
            lead = ""
            body = ""
            for sound in syllable:
                if sound in before:
                    lead = before[sound]
                    body = body or carrier
                elif sound in VOWELS:
                    body = (body or carrier) + vowels[sound]
                else:
                    body += consonants[sound]
            out += lead + body
        return out

    return spell


def _myanmar(word: str) -> str:
    out = ""
    for syllable in syllables(word):
        seen = False
        for i, sound in enumerate(syllable):
            if sound in VOWELS:
                out += ("" if i else "အ") + _MYANMAR_VOWELS[sound]
                seen = True
            else:
                out += _MYANMAR[sound] + ("်" if seen else "")
    return out


def _kana(word: str) -> str:
    out, i = "", 0
    while i < len(word):
        sound = word[i]
        if sound in VOWELS:
            out += "あいうえお"["aiueo".index("u" if sound == "y" else sound)]
            i += 1
            continue
        follower = word[i + 1] if i + 1 < len(word) else ""
        if (sound in "mn" and follower not in VOWELS + "j") or (sound in "mn" and not follower):
            out += "ん"
            i += 1
            continue
        vowel = follower if follower and follower in VOWELS else "u"
        row = _KANA[_KANA_ROWS[sound]]
        index = "aiueo".index("u" if vowel == "y" else vowel)
        cells = _cells(row)
        out += cells[index]
        i += 2 if follower and follower in VOWELS else 1
    return out


@cache
def _cells(row: str) -> list[str]:
    """The five cells of a row of kana, where small letters belong to the one before."""
    cells: list[str] = []
    for letter in row:
        if letter in "ゃゅょぇぁぃぉ" and cells:
            cells[-1] += letter
        else:
            cells.append(letter)
    return cells


def katakana(text: str) -> str:
    return "".join(chr(ord(c) + 0x60) if "ぁ" <= c <= "ゖ" else c for c in text)


def _hangul(word: str) -> str:
    out = ""
    for syllable in syllables(word):
        at = next((i for i, sound in enumerate(syllable) if sound in VOWELS), -1)
        if at < 0:
            out += "".join(chr(0xAC00 + (_HANGUL_ONSETS[c] * 21 + 18) * 28) for c in syllable)
            continue
        for extra in syllable[: max(0, at - 1)]:
            out += chr(0xAC00 + (_HANGUL_ONSETS[extra] * 21 + 18) * 28)
        onset = _HANGUL_ONSETS[syllable[at - 1]] if at else 11
        coda = _HANGUL_CODAS.get(syllable[at + 1], 0) if at + 1 < len(syllable) else 0
        out += chr(0xAC00 + (onset * 21 + _HANGUL_VOWELS[syllable[at]]) * 28 + coda)
        out += "".join(chr(0xAC00 + (_HANGUL_ONSETS.get(c, 11) * 21 + 18) * 28) for c in syllable[at + 2 :])
    return out


def han(word: str) -> str:
    """One character per syllable, from the first thousand or so of the common block."""
    return "".join(chr(0x4E00 + mix("han", syllable) % 1200) for syllable in syllables(word))


def _table(table: dict[str, str]) -> Callable[[str], str]:
    return lambda word: "".join(table.get(sound, sound) for sound in word)


CASED = {"Latn", "Cyrl", "Grek", "Armn"}


@cache
def speller(script: str, code: str) -> Callable[[str], str]:
    """The function that writes a word of this language; scripts unknown here are written in Latin letters."""
    if script in _BRAHMIC:
        return _brahmic(script)
    if script in ("Hang", "Kore"):
        return _hangul
    if script in ("Jpan", "Hira", "Kana"):
        return _kana
    if script in ("Hani", "Hans", "Hant"):
        return han
    if script == "Thai":
        return _prevowel(_THAI, _THAI_VOWELS, {"e": "เ", "o": "โ"}, "อ")
    if script == "Laoo":
        return _prevowel(_LAO, _LAO_VOWELS, {"e": "ເ", "o": "ໂ"}, "ອ")
    if script == "Mymr":
        return _myanmar
    if script in _ALPHABETS:
        return _table(_ALPHABETS.get(f"{script}:{code}", _ALPHABETS[script]))
    return _table(_LATIN | _LATIN_OF.get(code, {}))


def no_spaces(script: str) -> bool:
    return script in ("Hani", "Hans", "Hant", "Jpan", "Hira", "Kana", "Thai", "Laoo", "Mymr", "Khmr")


def punctuation(script: str) -> tuple[str, str, str]:
    """Full stop, question mark, comma."""
    if script in ("Hani", "Hans", "Hant", "Jpan"):
        return "。", "？", "、" if script == "Jpan" else "，"
    if script in ("Deva", "Beng", "Guru"):
        return "।", "?", ","
    if script == "Arab":
        return ".", "؟", "،"
    if script == "Mymr":
        return "။", "?", "၊"
    if script == "Grek":
        return ".", ";", ","
    return ".", "?", ","
