"""What pyproject.toml cannot say: the C extension, and folders that belong inside the package."""

from __future__ import annotations

import os
from pathlib import Path

from setuptools import Extension, find_packages, setup

SHIPPED_FOLDERS = {"callgraph_lab.filters": "filters", "callgraph_lab.examples": "examples"}
NATIVE = Path("callgraph_lab/native")

# Without a compiler, or on a Python that the extension is not written for, the install succeeds all
# the same and recordings are made by the other engine. Where wheels are made that would hide a
# fault.
NATIVE_IS_REQUIRED = os.environ.get("CGLAB_REQUIRE_NATIVE", "") not in {"", "0"}
# AddressSanitizer and UndefinedBehaviorSanitizer, for tests only.
SANITIZERS = os.environ.get("CGLAB_SANITIZE", "")

native = Extension(
    "callgraph_lab._native",
    sources=sorted(str(path) for path in NATIVE.glob("*.c")),
    depends=sorted(str(path) for path in NATIVE.glob("*.h")),
    extra_compile_args=[
        "-std=gnu11",
        "-O2",
        "-fvisibility=hidden",
        "-fno-strict-aliasing",
        *([f"-fsanitize={SANITIZERS}", "-fno-omit-frame-pointer"] if SANITIZERS else []),
    ],
    extra_link_args=[
        # Its unwinder is used once, and is not to be one more library in the target.
        "-static-libgcc",
        *([f"-fsanitize={SANITIZERS}"] if SANITIZERS else []),
    ],
    optional=not NATIVE_IS_REQUIRED,
)

setup(
    packages=[*find_packages(include=["callgraph_lab*"]), *SHIPPED_FOLDERS],
    package_dir=SHIPPED_FOLDERS,
    package_data={
        "callgraph_lab": ["py.typed", "_native.pyi"],
        # What the TypeScript beside it was built into: to install, no Node is needed.
        "callgraph_lab.render": ["viewer/bundle/*"],
        "callgraph_lab.filters": ["*.toml"],
        "callgraph_lab.examples": ["*.py", "*/*.py", "*.md"],
    },
    ext_modules=[native],
)
