"""A recording in the format of pprof, ``proto/profile.proto`` of github.com/google/pprof.

One sample a context, with its own calls and self time, as a stack of functions.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from callgraph_lab.model import NO_PARENT

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from callgraph_lab.model import Recording

# Name, number, type, and whether there are several, of the fields that are used here.
MESSAGES = {
    "ValueType": [("type", 1, "int64", False), ("unit", 2, "int64", False)],
    "Sample": [("location_id", 1, "uint64", True), ("value", 2, "int64", True)],
    "Line": [("function_id", 1, "uint64", False), ("line", 2, "int64", False)],
    "Location": [("id", 1, "uint64", False), ("line", 4, "Line", True)],
    "Function": [
        ("id", 1, "uint64", False),
        ("name", 2, "int64", False),
        ("system_name", 3, "int64", False),
        ("filename", 4, "int64", False),
        ("start_line", 5, "int64", False),
    ],
    "Profile": [
        ("sample_type", 1, "ValueType", True),
        ("sample", 2, "Sample", True),
        ("location", 4, "Location", True),
        ("function", 5, "Function", True),
        ("string_table", 6, "string", True),
        ("duration_nanos", 10, "int64", False),
    ],
}


def _profile_class() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(
        name="profile.proto", package="perftools.profiles", syntax="proto3"
    )
    field_type = descriptor_pb2.FieldDescriptorProto
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, is_repeated in fields:
            field = message.field.add(name=field_name, number=number)
            field.label = field_type.LABEL_REPEATED if is_repeated else field_type.LABEL_OPTIONAL
            if kind in MESSAGES:
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".{file.package}.{kind}"
            else:
                field.type = field_type.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("perftools.profiles.Profile"))


def from_recording(recording: Recording, max_depth: int) -> bytes:
    """Return the profile, gzipped. What is deeper counts as the time of the frame it is cut at."""
    profile = _profile_class()()
    numbers: dict[str, int] = {"": 0}

    def text(value: str) -> int:
        return numbers.setdefault(value, len(numbers))

    for kind, unit in (("calls", "count"), ("time", "nanoseconds")):
        profile.sample_type.add(type=text(kind), unit=text(unit))
    for number, function in enumerate(recording.functions, 1):
        name, file = text(function.name), text(function.file)
        profile.function.add(
            id=number, name=name, system_name=name, filename=file, start_line=function.line
        )
        profile.location.add(id=number).line.add(function_id=number, line=function.line)
    tree = recording.tree
    stacks: list[tuple[int, ...]] = []
    for context, (parent, function) in enumerate(zip(tree.parent, tree.function, strict=True)):
        above = () if parent == NO_PARENT else stacks[parent]
        stack = (function + 1, *above) if len(above) <= max_depth else above
        stacks.append(stack)
        calls = tree.calls[context] if len(above) <= max_depth else 0
        if calls or tree.self_ns[context]:
            profile.sample.add(location_id=stack, value=(calls, tree.self_ns[context]))
    profile.duration_nanos = recording.run.duration_ns
    profile.string_table.extend(numbers)
    return gzip.compress(profile.SerializeToString())
