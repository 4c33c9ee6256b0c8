"""What pyproject.toml cannot say: folders of the checkout that belong inside the package."""

from __future__ import annotations

from setuptools import find_packages, setup

SHIPPED_FOLDERS = {"callgraph_lab.filters": "filters", "callgraph_lab.examples": "examples"}

setup(
    packages=[*find_packages(include=["callgraph_lab*"]), *SHIPPED_FOLDERS],
    package_dir=SHIPPED_FOLDERS,
    package_data={
        "callgraph_lab": ["py.typed"],
        "callgraph_lab.filters": ["*.toml"],
        "callgraph_lab.examples": ["*.py", "*/*.py", "*.md"],
    },
)
