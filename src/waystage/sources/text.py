"""Lines and JSON of files that somebody else made: any damage becomes a DataError with file and line.

Text is never changed on the way (no normal form is imposed, zero-width characters and bidirectional marks stay), except
that a byte order mark and the carriage return of a Windows line end are dropped.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from waystage.errors import DataError

MAX_LINE = 16 * 2**20  # bytes; a longer line means that the file is not what it claims to be
MAX_FIELD = 1_000_000  # characters; the longest passage of any known data set has less than a tenth
MAX_JSON = 2**30
MAX_RATIO, RATIO_FROM = 200, 64 * 2**20  # text packs 20 times at most, so more is a bomb

_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"PAR1": "a Parquet file",
}


def _open(path: Path) -> IO[bytes]:
    try:
        with path.open("rb") as file:
            head = file.read(6)
        for magic, name in _ARCHIVES.items():
            if head.startswith(magic):
                raise DataError(f"this is {name}, not text: unpack it first", path)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DataError("the text is UTF-16: save it as UTF-8", path, 1)
        return gzip.open(path) if head.startswith(b"\x1f\x8b") else path.open("rb")  # type: ignore[return-value]
    except IsADirectoryError:
        raise DataError("this is a folder, not a file", path) from None
    except FileNotFoundError:
        raise DataError("there is no such file", path) from None
    except PermissionError:
        raise DataError("this file may not be read: `chmod u+r` it", path) from None


def _bytes(path: Path) -> Iterator[bytes]:
    packed = path.stat().st_size if path.exists() else 0
    unpacked = 0
    with _open(path) as file:
        number = 0
        try:
            while raw := file.readline(MAX_LINE + 1):
                number += 1
                unpacked += len(raw)
                if len(raw) > MAX_LINE:
                    raise DataError(f"a line of more than {MAX_LINE // 2**20} MiB", path, number)
                if unpacked > RATIO_FROM and unpacked > MAX_RATIO * packed:
                    raise DataError(f"unpacks to more than {MAX_RATIO} times its size: refused", path, number)
                yield raw
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"the packed file is damaged ({error}): fetch it again", path, number + 1) from None


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines without their ends. Only a line feed ends a line: U+2028 and its like are text."""
    for number, raw in enumerate(_bytes(path), start=1):
        if b"\0" in raw:
            raise DataError("a NUL character: the file is damaged, or not UTF-8", path, number)
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            at = f"byte 0x{raw[error.start]:02x} at position {error.start}"
            raise DataError(f"not UTF-8 ({at}): convert the file with `iconv -t UTF-8`", path, number) from None
        yield number, line.removesuffix("\n").removesuffix("\r")


def parse(text: str, path: Path, line: int | None = None) -> Any:
    """JSON; `line` is where the text begins when it is one line of many."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error.msg} at column {error.colno}", path, line or error.lineno) from None
    except RecursionError:
        raise DataError("JSON that is nested too deeply", path, line or 1) from None
    except ValueError as error:  # a number with thousands of digits
        raise DataError(f"not usable JSON: {error}", path, line or 1) from None
    if "\\ud" in text or "\\uD" in text:
        _refuse_half_characters(value, path, line or 1)
    return value


def _refuse_half_characters(value: Any, path: Path, line: int) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DataError("half of a surrogate pair (\\ud800 to \\udfff alone)", path, line) from None


def read_json(path: Path) -> tuple[Any, str]:
    """The value and the text, which is kept to find the line of a fault."""
    with _open(path) as file:
        limit = min(MAX_JSON, max(RATIO_FROM, MAX_RATIO * path.stat().st_size))
        try:
            raw = file.read(limit + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"the packed file is damaged ({error}): fetch it again", path, 1) from None
    if len(raw) > limit:
        raise DataError(f"more than {limit // 2**20} MiB of JSON from {path.stat().st_size} bytes: refused", path, 1)
    if (at := raw.find(b"\0")) >= 0:
        raise DataError("a NUL character: the file is damaged, or not UTF-8", path, raw.count(b"\n", 0, at) + 1)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"not UTF-8 (byte 0x{raw[error.start]:02x})", path, line) from None
    return parse(text, path), text
