"""Writes the types of the reports, which the engine says: ``python tests/reports.py > package/untrain/reports.py``.

The structs of the engine are read as they stand in its source: names, types and first sentences.
"""

from __future__ import annotations

import keyword
import pathlib
import re
import sys
from typing import NamedTuple

ENGINE = pathlib.Path(__file__).parent.parent.parent / "crates" / "untrain" / "src"
FILES = ("report.rs", "plan.rs", "evaluate.rs", "comparison.rs")
WANTED = (
    "ColumnReport", "DatasetReport", "ModelReport", "VersionReport", "RequestReport", "KeyLine", "KeysReport", "LogLine", "LogReport",
    "BackupLine", "BackupReport", "Restoration", "RequestLine", "Difference", "Verification", "OneRunReport", "RelearnReport",
    "AuditReport", "MarkReport", "Exposure", "ExposureReport", "Scores", "Evaluation", "DatasetLine", "Listing", "Revision", "PlanEntry",
    "Plan", "FailedMethod", "ComparisonRow", "Comparison",
)  # fmt: skip
RENAMED = {"Verification": "ModelVerification"}
"""The estimators have a report of this name too."""
PLAIN = {
    "String": "str", "&'static str": "str", "bool": "bool", "f64": "float", "u64": "int", "i64": "int", "u32": "int", "usize": "int",
    "Digest": "str", "Hash": "str", "untrain_core::Role": "str", "Regime": "str", "AuditVerdict": "str", "Guarantee": "Guarantee",
    "Goal": "str", "RowKind": "str", "[u64; 2]": "list[int]",
}  # fmt: skip
HEAD = '''\
# Written by tests/reports.py from the structs of the engine; a test says when it is out of date.
"""What stores report: the command line's JSON, with attributes in place of keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .results import Guarantee, Report
'''
TAIL = '''

@dataclass(frozen=True)
class ShownModel(ModelReport):
    """A model with what its artefact and its past tell."""

    artefact: dict[str, str]
    """Facts about the artefact."""
    importances: list[dict[str, Any]]
    """How much features matter, the most important first."""
    history: list[VersionReport]
    """The versions, oldest first."""


@dataclass(frozen=True)
class CheckReport(Report):
    """Whether a receipt was accepted. It is true if it was."""

    accepted: bool
    """Whether it was."""
    error: str | None
    """Why not."""
    artefact: str | None
    """What there is to say of the artefact that was given."""
    checked: dict[str, Any] | None
    """What was found."""
    report: str | None
    """The same in sentences."""

    def __bool__(self) -> bool:
        return self.accepted
'''


class Struct(NamedTuple):
    """A struct of the engine."""

    doc: str
    fields: list[tuple[str, str, str, bool, bool]]
    """Name, type, first sentence, whether it is flattened, whether it may be absent."""


def structs() -> dict[str, Struct]:
    """The structs, by name."""
    source = "".join((ENGINE / file).read_text() for file in FILES)
    found = {}
    for doc, name, body in re.findall(r"((?:///[^\n]*\n)+)(?:#\[[^\n]*\n)*pub struct (\w+) \{\n(.*?)\n\}", source, re.S):
        fields = []
        for about, attributes, field, kind in re.findall(r"((?:    ///[^\n]*\n)+)((?:    #\[[^\n]*\n)*)    pub (\w+): ([^\n]+),\n?", body + "\n"):
            fields.append((field, kind, _sentence(about), "flatten" in attributes, "skip_serializing_if" in attributes))
        found[name] = Struct(_sentence(doc), fields)
    return found


def text() -> str:
    """The module."""
    found = structs()
    return HEAD + "".join(_class(found, name) for name in WANTED) + TAIL


def _class(found: dict[str, Struct], name: str) -> str:
    struct = found[name]
    fields = [inner for field in struct.fields for inner in (found[field[1]].fields if field[3] else [field])]
    lines = [f'\n\n@dataclass(frozen=True)\nclass {RENAMED.get(name, name)}(Report):\n    """{struct.doc}"""\n']
    for field, kind, about, _, absent in sorted(fields, key=lambda field: field[4]):
        shown = _type(kind)
        field += "_" if keyword.iskeyword(field) else ""
        lines.append(f"\n    {field}: {shown}{' = None' if absent else ''}\n    \"\"\"{about}\"\"\"")
    yes = {"Verification": "self.equal"}.get(name)
    if yes:
        lines.append(f"\n\n    def __bool__(self) -> bool:\n        return {yes}")
    return "".join(lines) + "\n"


def _type(kind: str) -> str:
    if inner := re.fullmatch(r"Option<(.*)>", kind):
        return _type(inner[1]) + " | None"
    if inner := re.fullmatch(r"Vec<(.*)>", kind):
        return f"list[{_type(inner[1])}]"
    if kind in WANTED:
        return RENAMED.get(kind, kind)
    # Recipes, settings and evidence are what they are in JSON.
    return PLAIN.get(kind, "dict[str, Any]")


def _sentence(doc: str) -> str:
    whole = " ".join(line.strip().removeprefix("///").strip() for line in doc.strip().splitlines())
    whole = re.sub(r"\[`([^`]*)`\]", r"``\1``", whole.replace("\\[", "[").replace("\\]", "]"))
    return re.split(r"(?<=\.) (?=[A-Z])", whole)[0].replace("`", "``").replace("````", "``")


if __name__ == "__main__":
    sys.stdout.write(text())
