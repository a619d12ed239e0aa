"""The small bugs: mutmut's own mutations of a module's source, without those that change wording or types alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import unified_diff
from itertools import zip_longest

import libcst as cst
from libcst.metadata import MetadataWrapper
from mutmut.mutation import mutators
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.pragma_handling import IgnoredCode

# Words for people: what they say decides nothing.
SPEAKING = {"print", "warn", "debug", "info", "warning", "error", "exception", "log", "getLogger", "cast"}
# `encoding` is UTF-8 by default where the tests run; `strict` guards against lists of unequal length.
WITHOUT_EFFECT = {"encoding", "strict"}
# What a name stands for that is used in annotations alone.
TYPES = {"Any", "ndarray", "Tensor"}
GENERIC_TYPES = {"Callable", "Iterable", "Mapping", "Sequence", "dict", "list", "set", "tuple"}


@dataclass(frozen=True)
class Mutant:
    """One small bug in one module.

    Attributes:
        module: the module below the library, such as `measure.metrics`.
        function: the outermost function or method around it; empty outside of any.
        line: the number of the first line that differs.
        before: the lines that it replaces, stripped.
        after: the lines that stand there instead, stripped.
        source: the whole module with the bug.
    """

    module: str
    function: str
    line: int
    before: str
    after: str
    source: str


def is_wording(text: cst.SimpleString) -> bool:
    """Whether a string is prose: one with a space, or one over several lines."""
    return " " in text.value or text.value.startswith(('"""', "'''"))


def called(node: cst.BaseExpression) -> str:
    """The last part of what an expression names or calls: `array` of `np.array(1)`; empty for any other."""
    if isinstance(node, cst.Call):
        return called(node.func)
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""


def is_type(node: cst.BaseExpression) -> bool:
    """Whether an expression is a type, or makes a type variable."""
    if isinstance(node, cst.Subscript):
        return called(node.value) in GENERIC_TYPES
    return called(node) in (TYPES if not isinstance(node, cst.Call) else {"TypeVar"})


def strings(node: cst.BaseString) -> Iterator[cst.CSTNode]:
    """Another string in place of a name, once: mutmut's further two change the case alone."""
    if isinstance(node, cst.SimpleString) and not is_wording(node):
        yield from list(mutators.operator_string(node))[:1]


def arguments(node: cst.Call) -> Iterator[cst.CSTNode]:
    """A call without one of its arguments, or with None in its place; a switch is flipped by another mutation."""
    for mutated in mutators.operator_arg_removal(node):
        pairs = zip_longest(node.args, mutated.args)
        changed = next(argument for argument, instead in pairs if argument is not instead)
        named = changed.keyword.value if changed.keyword else ""
        prose = isinstance(changed.value, cst.SimpleString) and is_wording(changed.value)
        switch = named and isinstance(changed.value, cst.Name) and changed.value.value in {"True", "False"}
        if named not in WITHOUT_EFFECT and not prose and not switch:
            yield mutated


REPLACED = {mutators.operator_string: strings, mutators.operator_arg_removal: arguments}
OPERATORS = [(node, REPLACED.get(operator, operator)) for node, operator in mutators.mutation_operators]


class Visitor(MutationVisitor):
    """Mutmut's visitor, which also enters decorated functions and leaves wording alone."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        # Whole modules are replaced here, so a decorator is no obstacle as it is to mutmut.
        if isinstance(node, cst.FunctionDef):
            return False
        if isinstance(node, cst.Raise | cst.Assert):
            return True
        if isinstance(node, cst.Arg) and node.keyword and node.keyword.value in WITHOUT_EFFECT:
            return True
        if isinstance(node, cst.Assign) and is_type(node.value):
            return True
        if isinstance(node, cst.Call) and called(node) in SPEAKING:
            return True
        return super()._skip_node_and_children(node)


def function_name(node: cst.CSTNode | None) -> str:
    return node.name.value if isinstance(node, cst.FunctionDef | cst.ClassDef) else ""


def difference(before: str, after: str) -> tuple[int, str, str]:
    """The first line that differs, and the differing lines of both, stripped."""
    hunks = list(unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    line = int(hunks[0].split()[1].lstrip("-").split(",")[0])
    old, new = (" ".join(hunk[1:].strip() for hunk in hunks if hunk.startswith(sign)) for sign in "-+")
    return line, old, new


def compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


class Module:
    """A module's source and all the mutations of it."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        visitor = Visitor(OPERATORS, IgnoredCode(set(), set(), set()))
        wrapper = MetadataWrapper(cst.parse_module(source))
        self.tree = wrapper.visit(visitor)
        self.mutations = visitor.mutations

    def __len__(self) -> int:
        return len(self.mutations)

    def plant(self, number: int) -> Mutant | None:
        """The mutant of that number, or None where it is no Python or no change."""
        mutation = self.mutations[number]
        source = deep_replace(self.tree, mutation.original_node, mutation.mutated_node).code
        if source == self.source or not compiles(source):
            return None
        line, before, after = difference(self.source, source)
        return Mutant(self.name, function_name(mutation.contained_by_top_level_function), line, before, after, source)


def unique(mutants: Iterable[Mutant | None]) -> list[Mutant]:
    """The mutants that are any, each source once."""
    return list({mutant.source: mutant for mutant in mutants if mutant}.values())
