"""The modules read in one order: each imports only from those above it."""

import ast
from pathlib import Path

import stance

# Layer by layer, lowest first; a module may import from lower layers and from earlier modules of its own.
LAYERS = (
    ("errors", "background", "metrics", "jsonl"),
    ("schema", "records", "options"),
    (
        "residue",
        "cleaning",
        "html_text",
        "articles",
        "sentences",
        "sources",
        "label_rows",
        "labels",
        "annotations",
        "standoff",
        "splits",
        "gold",
        "agreement",
    ),
    ("lexicon", "features", "linear"),
    ("tensors", "model", "model_folder", "scorer", "reference", "compiled", "baselines", "classifier"),
    ("products", "solver", "calibration", "training", "evaluation"),
    (
        "terminal",
        "reasons",
        "report",
        "report_reasons",
        "report_figures",
        "html_style",
        "html_report",
        "cli_options",
        "cli_coders",
        "cli_labels",
        "cli_models",
        "cli_predict",
        "cli_training",
        "cli",
    ),
)
ORDER = [module for layer in LAYERS for module in layer]
PACKAGE = Path(stance.__file__).parent


def imports_of(module: str) -> set[str]:
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "stance":
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stance."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            found.update(alias.name.split(".")[1] for alias in node.names if alias.name.startswith("stance."))
    return found & set(ORDER)


def test_every_module_has_a_layer() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert modules == set(ORDER)


def test_each_module_imports_only_from_modules_above_it() -> None:
    upward = {
        (module, imported)
        for place, module in enumerate(ORDER)
        for imported in imports_of(module)
        if ORDER.index(imported) >= place
    }
    assert upward == set()


def test_every_module_says_what_it_is_in_its_first_line() -> None:
    silent = [path.name for path in PACKAGE.glob("*.py") if not path.read_text(encoding="utf-8").startswith('"""')]
    assert silent == []
