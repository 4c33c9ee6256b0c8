"""What a frame's function is called, read without running any code of the target.

This module runs inside the target. Classes are asked through ``type``'s own descriptors, never by
attribute access on the target's objects, which could be a property or a proxy's ``__getattr__``.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

_qualname_of = type.__dict__["__qualname__"].__get__
_name_of = type.__dict__["__name__"].__get__
_module_of = type.__dict__["__module__"].__get__
_ancestors_of = type.__dict__["__mro__"].__get__

CO_GENERATOR_LIKE = 0x20 | 0x80 | 0x200
"""``co_flags`` of generators, coroutines and asynchronous generators."""
_LAST_INSTRUCTION_AFTER_YIELD = 2 if sys.version_info[:2] == (3, 13) else 0
"""Where ``f_lasti`` of a frame stands that yields, counted from its ``YIELD_VALUE``."""


def class_name(cls: type) -> str:
    """Return ``module:qualname`` of a class."""
    module = _module_of(cls)
    return f"{module if isinstance(module, str) else ''}:{_qualname_of(cls)}"


def ancestor_names(cls: type) -> str:
    """Return the names of a class and its ancestors but ``object``, joined by newlines."""
    return "\n".join(class_name(ancestor) for ancestor in _ancestors_of(cls)[:-1])


class CodeTraits:
    """What the recorder needs to know of a code object, worked out once for each."""

    __slots__ = ("first_argument", "is_generator_like", "mentions_self", "yields")

    def __init__(self, code: CodeType, yield_opcode: int) -> None:
        self.first_argument = code.co_varnames[0] if code.co_argcount else ""
        if self.first_argument not in {"self", "cls"}:
            self.first_argument = ""
        # pycallgraph2 takes ``self`` from wherever it finds one: local, cell or free variable.
        self.mentions_self = (
            "self" in code.co_varnames or "self" in code.co_freevars or "self" in code.co_cellvars
        )
        self.is_generator_like = bool(code.co_flags & CO_GENERATOR_LIKE)
        instructions = code.co_code if self.is_generator_like else b""
        self.yields = frozenset(
            offset + _LAST_INSTRUCTION_AFTER_YIELD
            for offset in range(0, len(instructions), 2)
            if instructions[offset] == yield_opcode
        )


def classes_of(frame: FrameType, traits: CodeTraits) -> tuple[type | None, type | None]:
    """Return the class of ``self`` or ``cls``, and the class that pycallgraph2 would name."""
    if not traits.mentions_self and not traits.first_argument:
        return None, None
    variables = frame.f_locals
    receiver: type | None = None
    named_by_pycallgraph2: type | None = None
    if traits.mentions_self and "self" in variables:
        named_by_pycallgraph2 = type(variables["self"])
    if traits.first_argument == "self":
        receiver = named_by_pycallgraph2
    elif traits.first_argument == "cls":
        value = variables.get("cls")
        receiver = value if isinstance(value, type) else None
    return receiver, named_by_pycallgraph2


def function_strings(
    code: CodeType, module: str, receiver: type | None, named_by_pycallgraph2: type | None
) -> tuple[str, str, str, str, str, str]:
    """Return a function's six strings in the order of the live file's function record."""
    parts = [] if module == "__main__" or code.co_filename.startswith("<") else [module]
    if named_by_pycallgraph2 is not None:
        parts.append(_name_of(named_by_pycallgraph2))
    parts.append(code.co_name)
    return (
        module,
        code.co_qualname,
        code.co_filename,
        "" if receiver is None else class_name(receiver),
        "" if receiver is None else ancestor_names(receiver),
        ".".join(part for part in parts if part),
    )
