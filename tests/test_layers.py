"""Dependencies point one way; this reads the imports of every file and holds them to it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lvspec_cli"
FILES = sorted(PACKAGE.rglob("*.py"))

# Each part of the package -> the parts it may import, besides itself. A part is a folder or a file of the package.
BASE = {"errors", "settings", "parsing", "preset", "style", "named_files", ""}
DECODING = BASE | {"decoding"}
CAPTIONER = DECODING | {"models", "video", "caption", "text_stream", "token_texts", "parts", "plan", "session"}
CAPTIONER |= {"selection", "profiles", "step_times"}
CAPTIONER |= {"files", "memory", "offline", "forecast", "preset_schema", "preset_writer", "preset_check", "readiness"}
ALLOWED = {
    "": {"caption", "captioner", "preset"},  # __init__: the names of the public interface
    "__main__": {"cli"},
    "errors": set(),
    "parsing": {"preset"},
    "offline": set(),
    "files": {"errors"},
    "file_lock": set(),
    "memory": {"errors"},
    "settings": {"errors", "files", "preset", "parsing"},
    "named_files": {"errors", "files"},
    "preset": {"errors", "files", "named_files", "preset_reader"},
    "preset_keys": {"preset"},
    "yaml_sections": {"errors", "named_files", "preset_keys"},
    "preset_reader": {"errors", "preset", "preset_keys", "yaml_sections"},
    "style": {"errors", "files", "named_files", "preset", "style_reader"},
    "style_reader": {"errors", "style", "preset_keys", "yaml_sections"},
    "preset_schema": DECODING | {"preset_keys"},
    "preset_writer": BASE | {"preset_keys", "preset_schema"},
    "preset_check": DECODING | {"models", "plan", "profiles"},
    "readiness": BASE | {"models"},
    "profiles": {"errors", "settings", "preset", "style"},
    "decoding": {"errors"},
    "models": DECODING,
    "video": BASE,
    "text_stream": set(),
    "token_texts": {"text_stream"},
    "caption": DECODING | {"video", "token_texts"},
    "parts": DECODING | {"caption", "plan", "video"},
    "step_times": set(),
    "dressing": set(),
    "plan": DECODING | {"video", "dressing"},
    "forecast": DECODING | {"models", "video", "caption", "parts", "plan"},
    "session": DECODING | {"models", "video", "caption", "text_stream", "token_texts", "plan", "memory"},
    "selection": BASE | {"models"},
    "captioner": CAPTIONER,
    "output": {"errors", "caption", "files", "file_lock", "settings", "decoding", "video", "text_stream"},
    "batch": CAPTIONER | {"captioner", "output", "file_lock"},
    "report": {"", "errors", "files", "caption"},
    "ui": CAPTIONER | {"output"},
    "demo": DECODING | {"models", "video", "captioner", "caption"},
    "calibration": CAPTIONER,
    "doctor": CAPTIONER,
    "bench": CAPTIONER | {"captioner", "demo", "output", "ui"},
    "cli": CAPTIONER
    | {"captioner", "output", "ui", "demo", "bench", "batch", "calibration", "doctor", "report", "preset_reader"},
}

# Libraries that only some parts may import.
HOMES = {
    "transformers": {"models", "demo"},
    "tokenizers": {"models", "demo"},
    "safetensors": {"models", "demo"},
    "bitsandbytes": {"models"},
    "av": {"video"},
    "decord": {"video"},
    "scenedetect": {"video"},
    "rich": {"ui"},
    "typer": {"cli"},
    "ray": {"batch"},
    "PIL": {"video", "models", "demo"},
    "torch": {"decoding", "models", "calibration", "demo", "bench", "session", "memory", "doctor"},
    "torchvision": {"models"},
    "matplotlib": {"bench"},
    "jinja2": {"report", "models"},
    "markupsafe": {"report"},
}

# No file of these parts may import such a library when it is itself imported: help must be instant.
LIGHT = {
    "",
    "__main__",
    "cli",
    "errors",
    "settings",
    "parsing",
    "preset",
    "caption",
    "text_stream",
    "token_texts",
    "output",
    "batch",
}
LIGHT |= {"plan", "parts", "step_times", "captioner", "selection", "profiles", "files", "offline", "doctor", "report"}
LIGHT |= {"file_lock", "named_files", "style", "style_reader", "yaml_sections", "dressing"}
LIGHT |= {"preset_keys", "preset_reader", "preset_schema", "preset_writer"}
HEAVY = {
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "numpy",
    "av",
    "decord",
    "scenedetect",
    "PIL",
    "bitsandbytes",
    "matplotlib",
    "jinja2",
    "markupsafe",
    "ray",
}


def part_of(file):
    """The part a file belongs to: its folder, or its own name at the top, "" for the package's __init__."""
    first = file.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imported_modules(node):
    """The modules that an import statement names, by their full dotted names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, "relative import"
    if node.module == "lvspec_cli":
        return [f"lvspec_cli.{alias.name}" for alias in node.names]
    return [node.module]


def imports(file):
    """Pairs of a module and whether importing the file imports it; what is for type checkers alone is left out."""
    found = []

    def visit(node, now):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.extend((module, now) for module in imported_modules(node))
        elif isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            return
        for child in ast.iter_child_nodes(node):
            visit(child, now and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    visit(ast.parse(file.read_text(encoding="utf-8")), True)
    return found


def own_part(module):
    """The part that a module of this package belongs to; None for other packages."""
    root, _, rest = module.partition(".")
    if root != "lvspec_cli":
        return None
    first = rest.split(".")[0]
    return first if (PACKAGE / first).is_dir() or (PACKAGE / f"{first}.py").exists() else ""


def name(file):
    return str(file.relative_to(PACKAGE))


@pytest.mark.parametrize("file", FILES, ids=name)
def test_parts_import_only_what_lies_below_them(file):
    part = part_of(file)
    assert part in ALLOWED, f"{part} is a new part: say in this test what it may import"
    used = {own_part(module) for module, _ in imports(file)} - {None, part}
    assert used <= ALLOWED[part]


@pytest.mark.parametrize("file", FILES, ids=name)
def test_libraries_stay_in_their_homes(file):
    part = part_of(file)
    strays = [module for module, _ in imports(file) if part not in HOMES.get(module.split(".")[0], {part})]
    assert strays == []


@pytest.mark.parametrize("file", [file for file in FILES if part_of(file) in LIGHT], ids=name)
def test_light_parts_import_nothing_heavy(file):
    heavy = [module for module, now in imports(file) if now and module.split(".")[0] in HEAVY]
    assert heavy == []


def test_every_library_has_a_file_in_its_home():
    used = {module.split(".")[0] for file in FILES for module, _ in imports(file)}
    assert {"torch", "transformers", "av", "rich", "typer"} <= used
