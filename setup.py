"""The one thing pyproject.toml cannot say: `presets/` at the root is installed as data inside the package."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["lvspec_cli", "lvspec_cli.*"]), "lvspec_cli.presets"],
    package_dir={"lvspec_cli.presets": "presets"},
    package_data={
        "lvspec_cli": ["py.typed"],
        "lvspec_cli.report": ["template/*"],
        "lvspec_cli.presets": ["*.yaml", "*.schema.json", "styles/*.yaml", "demo/**/*"],
    },
)
