"""The command line: what each command prints, and how it refuses bad input."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import stance
from stance.annotations import numbered_sentences, write_annotations
from stance.cli import main
from stance.labels import infer_schema
from stance.options import Options
from stance.records import Annotation
from stance.schema import Schema
from stance.standoff import dehydrate, write_standoff

STORY = "Norland vowed to deepen its friendship with Southmark. It rained.\n\nSouthmark snubbed Norland's envoy.\n"
QUICK = ("--folds", "3", "--strengths", "3", "--char-min-count", "2", "--jobs", "1")
COMMANDS = ("classify", "explain", "train", "evaluate", "compare")
LABEL_COMMANDS = ("sentences", "check", "agreement", "merge", "hydrate", "split")
MODEL_COMMANDS = ("list", "info", "verify")
EVERY_COMMAND = [
    *((command,) for command in COMMANDS),
    *(("labels", command) for command in LABEL_COMMANDS),
    *(("models", command) for command in MODEL_COMMANDS),
]


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


class Terminal(io.TextIOWrapper):
    """Standard input of someone who sits at the keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process; ``stdin`` None is a terminal, bytes are piped in."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*arguments: object, stdin: bytes | None = None) -> Ran:
        kind = Terminal if stdin is None else io.TextIOWrapper
        monkeypatch.setattr(sys, "stdin", kind(io.BytesIO(stdin or b"")))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(STORY, encoding="utf-8")
    return path


# The way in


def test_version(run: Run) -> None:
    assert run("--version").out == f"stance {stance.__version__}\n"


def test_the_package_can_be_run_as_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "stance", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"stance {stance.__version__}\n"


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    found = run()
    assert (found.code, found.out[:6]) == (0, "Usage:")


@pytest.mark.parametrize("group", ["labels", "models"])
def test_a_group_without_a_command_shows_its_help(run: Run, group: str) -> None:
    assert run(group).out.startswith(f"Usage: stance {group}")


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_the_help_of_every_command_has_an_example_of_it(run: Run, command: tuple[str, ...]) -> None:
    lines = run(*command, "--help").out.partition("Example")[2].splitlines()
    assert any(f"stance {' '.join(command)}" in line for line in lines)


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_every_option_has_a_help_text(run: Run, command: tuple[str, ...]) -> None:
    options = run(*command, "--help").out.partition("Options:\n")[2]
    bare = [line for line in options.splitlines() if re.fullmatch(r"  -\S.*", line) and "  " not in line.strip()]
    # An option whose name leaves no room has its help on the next, deeper line.
    following = dict(zip(options.splitlines(), options.splitlines()[1:], strict=False))
    assert [line for line in bare if not following.get(line, "").startswith("      ")] == []


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from stance.cli import main; main(['--help']); "
        "print(sorted({'numpy', 'sklearn', 'pandas', 'sentencex'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


# classify


def test_classify_prints_a_row_a_sentence_and_the_shares(run: Run, tiny_folder: Path, story: Path) -> None:
    lines = run("classify", "-m", tiny_folder, story).out.splitlines()
    assert [line.split()[:2] for line in lines[2:5]] == [["1", "favor"], ["2", "neutral"], ["3", "against"]]
    assert "story: 3 sentences" in lines


def test_classify_without_a_terminal_prints_no_escape_codes_and_one_line_a_sentence(
    run: Run, tiny_folder: Path, tmp_path: Path
) -> None:
    sentence = "Norland praised Southmark " + "again and " * 40 + "again."
    found = run("classify", "-m", tiny_folder, "-", stdin=sentence.encode())
    assert "\x1b" not in found.out
    assert any(line.endswith(sentence) for line in found.out.splitlines())


def test_classify_reads_a_pipe_as_one_article(run: Run, tiny_folder: Path) -> None:
    found = run("classify", "-m", tiny_folder, "--format", "jsonl", stdin=STORY.encode())
    assert [json.loads(line)["id"] for line in found.out.splitlines()] == ["stdin-01", "stdin-02", "stdin-03"]


def test_classify_takes_a_text_in_quotation_marks(run: Run, tiny_folder: Path) -> None:
    found = run("classify", "-m", tiny_folder, "-f", "jsonl", "Southmark snubbed Norland.")
    assert json.loads(found.out)["stances"]["union"] == "against"


def test_a_file_of_a_folder_that_cannot_be_read_is_left_out(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.txt").write_bytes("Tallinn, café".encode("latin-1"))
    (folder / "b.txt").write_bytes("It rained.".encode("utf-16"))
    found = run("classify", "-m", tiny_folder, "-f", "jsonl", folder)
    assert [json.loads(line)["id"] for line in found.out.splitlines()] == ["b-01"]
    told = f"left out: {folder / 'a.txt'}: expected UTF-8, got unexpected end of data at byte 12; save it as UTF-8\n"
    assert found.err == f"{told}1 file could not be read to the end\n"
    assert found.code == 1
    assert run("classify", "-m", tiny_folder, folder / "a.txt").code == 2  # named itself, it is an error


def test_a_dash_is_standard_output(
    run: Run, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = run("classify", "-m", tiny_folder, "-f", "jsonl", "-o", "-", "It rained today.")
    assert json.loads(found.out)["text"] == "It rained today."
    assert list(tmp_path.iterdir()) == []


def test_classify_lines_takes_each_line_as_it_is(run: Run, tiny_folder: Path) -> None:
    found = run("classify", "-m", tiny_folder, "--lines", "-f", "jsonl", stdin=b"One. Two.\n\nREAD: more\r\n")
    rows = [json.loads(line) for line in found.out.splitlines()]
    assert [(row["id"], row["text"]) for row in rows] == [
        ("stdin:1", "One. Two."),
        ("stdin:2", ""),
        ("stdin:3", "READ: more"),
    ]


def test_classify_column_takes_each_row_of_a_table_as_a_text(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text('number;headline\n1;"One; two."\n2;\n', encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "--column", "headline", "-f", "jsonl", table)
    rows = [json.loads(line) for line in found.out.splitlines()]
    assert [(row["id"], row["text"]) for row in rows] == [(f"{table}:1", "One; two."), (f"{table}:2", "")]


def test_classify_column_keeps_ids_that_tell_the_rows_apart(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    def ids(*texts: str) -> list[str]:
        tables = [tmp_path / f"{number}.csv" for number in range(len(texts))]
        for table, text in zip(tables, texts, strict=True):
            table.write_text(f"id,headline\n{text}", encoding="utf-8")
        found = run("classify", "-m", tiny_folder, "--column", "headline", "-f", "jsonl", *tables)
        return [json.loads(line)["id"].removeprefix(f"{tmp_path}/") for line in found.out.splitlines()]

    assert ids("x7,Snow fell.\nx9,Rain fell.\n") == ["x7", "x9"]
    assert ids("x7,Snow fell.\nx7,Rain fell.\n") == ["0.csv:1", "0.csv:2"]
    assert ids("x7,Snow fell.\n,Rain fell.\n") == ["0.csv:1", "0.csv:2"]
    assert ids("x7,Snow fell.\n", "x7,Rain fell.\n") == ["0.csv:x7", "1.csv:x7"]


def test_classify_column_says_which_columns_there_are(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("number;headline\n1;One\n", encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "--column", "headlin", table)
    assert found.code == 2
    message = "expected a column 'headlin', got 'number' or 'headline'; did you mean 'headline'?"
    assert found.err == f"stance: {table}, line 1: {message}\n"


@pytest.mark.parametrize(
    "start", ["<html>", "<!DOCTYPE html>\n<html>", '<?xml version="1.0"?> <!-- a --> <HTML lang="en">']
)
def test_a_web_page_from_standard_input_is_read_as_one(run: Run, tiny_folder: Path, start: str) -> None:
    page = f"{start}<body><nav>Home About</nav><p>Norland praised Southmark.</p></body></html>"
    rows = run("classify", "-m", tiny_folder, "-f", "jsonl", "-", stdin=page.encode()).out.splitlines()
    assert [json.loads(row)["text"] for row in rows] == ["Norland praised Southmark."]
    rows = run(
        "classify", "-m", tiny_folder, "-f", "jsonl", "-", stdin=b"Norland wrote <html> by hand."
    ).out.splitlines()
    assert [json.loads(row)["text"] for row in rows] == ["Norland wrote <html> by hand."]


def test_classify_column_refuses_cells_that_are_no_text(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    table.write_text('{"n": "One"}\n{"n": 2}\n', encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "--column", "n", table)
    assert found.err == f"stance: {table}, line 2: column 'n': expected text, got 2\n"


def test_classify_never_replaces_what_it_reads(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("number,headline\n1,One\n", encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "--column", "headline", "-o", table, table)
    assert found.code == 2
    assert found.err == f"stance: --output {table} is what is read: it would be replaced; name another file\n"
    assert table.read_text(encoding="utf-8") == "number,headline\n1,One\n"


@pytest.mark.parametrize(
    "command",
    [
        "classify -m {model} {labels}/gold/dev.jsonl -o {output}",
        "evaluate {model} {labels} --split dev -o {output}",
        "compare {model} {model} {labels} -o {output}",
        "labels sentences {labels} -o {output}",
        "labels agreement {labels} -o {output}",
        "labels merge {labels} -o {output}",
        "labels hydrate {labels}/gold/dev.jsonl --articles {labels} -o {output}",
    ],
)
@pytest.mark.parametrize("place", ["{labels}/gold/dev.jsonl", "{labels}/../again/gold/dev.jsonl"])
def test_no_output_replaces_what_is_read(
    run: Run, tiny_folder: Path, tiny_labels: Path, command: str, place: str
) -> None:
    (tiny_labels.parent / "again").symlink_to(tiny_labels)
    output = Path(place.format(labels=tiny_labels))
    before = output.read_bytes()
    found = run(*command.format(model=tiny_folder, labels=tiny_labels, output=output).split())
    assert found.code == 2
    assert found.err.startswith(f"stance: --output {output} is ")
    assert "which is read: it would be replaced" in found.err or "what is read: it would be replaced" in found.err
    assert output.read_bytes() == before


def test_a_path_to_a_folder_called_like_a_shipped_model_is_guarded_too(
    run: Run, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_folder, "default")
    found = run("classify", "-m", "./default", "Norland praised Southmark.", "-o", Path("default") / "model.json")
    assert "is there already, in default, which is read" in found.err


def test_no_output_replaces_a_part_of_the_model(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, model := tmp_path / "model")
    found = run("classify", "-m", model, "Norland praised Southmark.", "-o", model / "model.json")
    assert found.err.startswith(f"stance: --output {model / 'model.json'} is there already, in {model}, which is read")
    found = run("classify", "-m", model, "Norland praised Southmark.", "-o", model / "new.csv")
    assert found.code == 0


def test_table_and_page_are_two_files(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    both = tmp_path / "both.csv"
    found = run("classify", "-m", tiny_folder, "Norland praised Southmark.", "-o", both, "--html", both)
    assert found.err == f"stance: --output and --html both name {both}: give each a file of its own\n"


def test_a_page_never_replaces_the_article_that_it_shows(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    article = tmp_path / "story.html"
    article.write_text("<p>Norland praised Southmark.</p>", encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "--html", article, article)
    assert found.err == f"stance: --html {article} is what is read: it would be replaced; name another file\n"
    assert article.read_text(encoding="utf-8") == "<p>Norland praised Southmark.</p>"


def test_a_missing_article_is_named_even_where_the_output_exists(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old", encoding="utf-8")
    missing = tmp_path / "no.txt"
    found = run("classify", "-m", tiny_folder, "-o", out, missing)
    assert found.err == f"stance: expected a file or folder of articles, found nothing at {missing}\n"
    assert out.read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--column", ""], "--column: expected a column's name, got a blank one"),
        (["--column", "n", "--html", "page.html"], "--html shows articles: leave out --column"),
        (["--column", "n", "--lines"], "--lines and --column say two things of the input: leave out one"),
        (["-o", "out.tsv"], "--output writes table, JSONL or CSV, not .tsv; spreadsheets open CSV"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    run: Run, tiny_folder: Path, story: Path, options: list[str], message: str
) -> None:
    found = run("classify", "-m", tiny_folder, *options, story)
    assert (found.code, found.err) == (2, f"stance: {message}\n")


def test_a_table_among_the_articles_is_pointed_to_column(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("n,headline\n1,One\n", encoding="utf-8")
    found = run("classify", "-m", tiny_folder, table)
    assert found.err.endswith("got suffix '.csv'; texts in a table: --column NAME\n")


def test_a_row_of_jsonl_without_the_column_is_named(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    table.write_text('{"headline": "One"}\n{"head": "Two"}\n', encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "--column", "headline", table)
    assert found.err == (f"stance: {table}, line 2: expected a column 'headline', got 'head'; did you mean 'head'?\n")


def test_classify_column_tells_of_blank_texts(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("number,headline\n1,One\n2,\n3, \n", encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "--column", "headline", "-f", "jsonl", table)
    assert found.err == f"{table}: 2 of 3 texts are blank; they count as neutral and without topics\n"


@pytest.mark.parametrize(
    ("name", "table", "header", "cells", "told"),
    [
        (
            "t.csv",
            'outlet,topics,headline,reach\n"Daily, West",sport,Kim spoke,20\n',
            "outlet,reach",
            '"Daily, West",20',
            "not copied: topics (the output has its own)",
        ),
        (
            "t.jsonl",
            '{"headline": "Kim spoke", "more": {"a": [1, NaN]}, "x": null}\n',
            "more,x",
            '"{""a"": [1, null]}",',
            "",
        ),
    ],
)
def test_csv_holds_the_other_columns_after_the_labels(
    run: Run, tiny_folder: Path, tmp_path: Path, name: str, table: str, header: str, cells: str, told: str
) -> None:
    path = tmp_path / name
    path.write_text(table, encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "--column", "headline", "-f", "csv", path)
    first, second = found.out.splitlines()
    assert first.endswith(f",{header}")
    assert second.endswith(f",{cells}")
    assert found.err == (f"{path}: {told}\n" if told else "")
    assert run("classify", "-m", tiny_folder, "--column", "headline", path).err == ""  # a table for people shows none


def test_a_name_that_a_number_made_is_no_other_article_s(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    for name in ("a/x.txt", "b/x.txt", "x~2.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("It rained.")
    found = run("classify", "-m", tiny_folder, "-f", "jsonl", tmp_path)
    assert [json.loads(line)["article"] for line in found.out.splitlines()] == ["x", "x~2", "x~2~2"]


def test_what_of_a_file_came_before_a_bad_line_is_not_said_to_be_left_out(
    run: Run, tiny_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "d.jsonl").write_text('{"text": "It rained."}\n{')
    found = run("classify", "-m", tiny_folder, "-f", "jsonl", tmp_path)
    assert len(found.out.splitlines()) == 1
    assert found.err.startswith(f"left out from here on: {tmp_path / 'd.jsonl'}, line 2: not a JSON object")
    assert found.code == 1


def test_merge_writes_json_lines_and_nothing_else(run: Run, tmp_path: Path, tiny_schema: Schema) -> None:
    folder = labels_folder(tmp_path, tiny_schema)
    for name in ("merged.csv", "-"):
        found = run("labels", "merge", folder, "-o", name)
        assert found.err == f"stance: merge: --output writes a .jsonl file, got {name}\n"


@pytest.mark.parametrize(
    ("first", "second", "outlets", "told"),
    [
        ("id,headline,outlet\na,Kim spoke,Wire\n", "id,headline,reach\nb,Xi spoke,7\n", ["Wire", None], "reach"),
        ("headline,outlet\n", "headline,outlet\nXi spoke,Wire\n", ["Wire"], ""),
    ],
    ids=["other columns", "no rows"],
)
def test_of_several_tables_the_first_one_with_rows_says_which_columns_are_copied(
    run: Run, tiny_folder: Path, tmp_path: Path, first: str, second: str, outlets: list[str | None], told: str
) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text(first, encoding="utf-8")
    other.write_text(second, encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "--column", "headline", "-f", "jsonl", one, other)
    assert [json.loads(line)["outlet"] for line in found.out.splitlines()] == outlets
    assert found.err == (f"{other}: not copied: {told} (not in {one})\n" if told else "")


def test_the_page_says_that_it_abstains_and_its_size_where_it_is_large(
    run: Run, tiny_folder: Path, story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    monkeypatch.setattr("stance.cli_predict._LARGE_PAGE", 0)
    found = run("classify", "-m", tiny_folder, "--min-precision", "0.9", "--html", page, story)
    assert found.err == f"page: {page} (0 MB: browsers take long to show it)\n"
    assert "It abstains where it would not be right in 90% of such cases." in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("source", ["-", "story.txt"])
def test_classify_column_says_what_it_reads(run: Run, tiny_folder: Path, source: str) -> None:
    found = run("classify", "-m", tiny_folder, "--column", "headline", source, stdin=b"headline\nOne\n")
    assert found.err == f"stance: --column reads tables (.csv, .tsv, .jsonl, .parquet), got {source}\n"


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_classify_writes_can_be_corrected_and_trained_on_without_a_schema(
    run: Run, tiny_folder: Path, story: Path, tmp_path: Path, form: str
) -> None:
    out = tmp_path / f"out.{form}"
    run("classify", "-m", tiny_folder, "--output", out, story)
    schema = infer_schema(out)
    assert [target.name for target in schema.targets] == ["union", "tariffs"]


def test_output_into_a_missing_folder_says_so(run: Run, tiny_folder: Path, story: Path, tmp_path: Path) -> None:
    found = run("classify", "-m", tiny_folder, "-o", tmp_path / "no" / "out.csv", story)
    assert found.err == f"stance: expected a folder to write out.csv in, found none at {tmp_path / 'no'}\n"


def test_classify_lines_reads_no_more_than_it_needs(
    run: Run, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = stance.Classifier.classify

    def spying(self: object, texts: object, **options: object) -> object:
        sizes.append(len(texts))  # type: ignore[arg-type]
        return real(self, texts, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(stance.Classifier, "classify", spying)
    run("classify", "-m", tiny_folder, "--lines", "-f", "csv", stdin=b"It rained.\n" * 2000)
    assert max(sizes) <= 512


def test_classify_csv_goes_back_in_as_labels(run: Run, tiny_folder: Path, story: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert run("classify", "-m", tiny_folder, "--output", out, story).out == ""
    rows = list(csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines()))
    assert [row["union"] for row in rows] == ["favor", "neutral", "against"]
    assert run("evaluate", tiny_folder, out).code == 0


def test_a_csv_file_begins_with_a_byte_order_mark_for_excel(
    run: Run, tiny_folder: Path, story: Path, tmp_path: Path
) -> None:
    run("classify", "-m", tiny_folder, "-o", tmp_path / "out.csv", story)
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbfid,")


def test_classify_target_chooses_whose_stance_the_table_shows(run: Run, tiny_folder: Path) -> None:
    found = run("classify", "-m", tiny_folder, "-t", "tariffs", "Ostia doubled its tariffs on cargo from Norland.")
    assert found.out.splitlines()[0] == "text · stance toward tariffs"
    assert found.out.splitlines()[2].split()[1] == "favor"


def test_classify_min_precision_abstains(run: Run, tiny_folder: Path) -> None:
    # The neutral curve of forty sentences starts below certainty, favor and against have fewer than ten cases.
    found = run("classify", "-m", tiny_folder, "--min-precision", "1", "-f", "jsonl", "Southmark snubbed Norland.")
    assert json.loads(found.out)["stances"]["union"] is None


def test_articles_of_one_name_get_distinct_ids(run: Run, tiny_folder: Path, story: Path) -> None:
    other = story.parent / "sub" / "story.txt"
    other.parent.mkdir()
    other.write_text("It rained.", encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "-f", "jsonl", story, other)
    assert json.loads(found.out.splitlines()[-1])["id"] == "story~2-01"


def test_classify_html_writes_a_page_and_prints_only_the_shares(
    run: Run, tiny_folder: Path, story: Path, tmp_path: Path
) -> None:
    found = run("classify", "-m", tiny_folder, "--html", tmp_path / "page.html", story)
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "3 sentences" in found.out
    assert "It rained" not in found.out


def test_a_lone_surrogate_is_written_as_a_json_escape(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "It rained \\ud800 here."}\n', encoding="utf-8")
    found = run("classify", "-m", tiny_folder, "-f", "jsonl", "-o", tmp_path / "b.jsonl", path)
    assert found.code == 0
    assert json.loads((tmp_path / "b.jsonl").read_text(encoding="utf-8"))["text"] == "It rained \ud800 here."


def test_an_output_file_is_not_left_half_written(run: Run, tiny_folder: Path, story: Path, tmp_path: Path) -> None:
    bad = tmp_path / "z.txt"
    bad.write_bytes(b"\xff")
    before = sorted(tmp_path.iterdir())
    assert run("classify", "-m", tiny_folder, "-o", tmp_path / "out.jsonl", story, bad).code == 2
    assert sorted(tmp_path.iterdir()) == before


# explain


def test_explain_shows_the_outputs_that_decide(run: Run, tiny_folder: Path) -> None:
    found = run("explain", "-m", tiny_folder, "Norland vowed to deepen its friendship with Southmark.")
    assert re.findall(r"^(?:topic \w+|\w+ toward \w+)", found.out, re.MULTILINE) == ["favor toward union"]


def test_explain_shows_an_output_asked_for(run: Run, tiny_folder: Path) -> None:
    found = run("explain", "-m", tiny_folder, "--output-name", "jubilee", "It rained.")
    assert "topic jubilee" in found.out
    assert "(not given)" in found.out


def test_explain_jsonl_adds_up(run: Run, tiny_folder: Path) -> None:
    found = run("explain", "-m", tiny_folder, "-f", "jsonl", "-", stdin=b"Southmark snubbed Norland.\n")
    row = json.loads(found.out)
    assert row["text"] == "Southmark snubbed Norland."
    for output in row["outputs"]:
        assert output["bias"] + sum(c["weight"] for c in output["contributions"]) == pytest.approx(output["logit"])


# train


def test_train_prints_out_of_fold_figures_and_saves_a_model(run: Run, tiny_labels: Path, tmp_path: Path) -> None:
    found = run("train", tiny_labels, "--out", tmp_path / "m", *QUICK)
    assert found.out.startswith("trained on 28 sentences of 4 articles\n")
    assert "features" in found.err
    assert stance.load(tmp_path / "m").model.options == Options(folds=3, strengths=(3.0,), char_min_count=2, jobs=1)


def test_train_takes_a_folder_and_a_file_together(run: Run, tiny_labels: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    more.write_text("text,article,union\nNorland hailed Southmark.,extra,favor\n", encoding="utf-8")
    found = run("train", tiny_labels, more, "--out", tmp_path / "m", *QUICK)
    assert found.out.startswith("trained on 29 sentences of 5 articles\n")
    assert "trade" in stance.load(tmp_path / "m").schema.topic_names  # the folder's schema


def test_train_over_a_model_tells_what_changed(run: Run, tiny_labels: Path, tmp_path: Path) -> None:
    run("train", tiny_labels, "--out", tmp_path / "m", *QUICK)
    gold = tiny_labels / "gold" / "train.jsonl"
    gold.write_text("".join(gold.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    out = run("train", tiny_labels, "--out", tmp_path / "m", *QUICK, "--seed", "1").out
    assert "sentences: 28 -> 27 (-1)" in out
    assert "labels and texts: changed" in out
    assert "option seed: 0 -> 1" in out
    assert re.search(r"out of fold +old +new +new - old\n", out)
    assert "of one draw of folds each: another seed of training moves such figures, too" in out
    assert re.search(r"decisions? changed", out)


def test_train_on_the_same_labels_says_so(run: Run, tiny_labels: Path, tmp_path: Path) -> None:
    run("train", tiny_labels, "--out", tmp_path / "m", *QUICK)
    out = run("train", tiny_labels, "--out", tmp_path / "m", *QUICK).out
    assert "labels and texts: the same, to the character" in out
    assert "no decisions changed" in out


def test_train_does_not_compare_on_sentences_it_has_seen(run: Run, tiny_labels: Path, tmp_path: Path) -> None:
    splits = ("--splits", "train", "--splits", "dev")
    run("train", tiny_labels, "--out", tmp_path / "m", *QUICK, *splits)
    out = run("train", tiny_labels, "--out", tmp_path / "m", *QUICK, *splits).out
    assert "decisions were not compared: the model was trained on the dev split" in out


def test_train_over_a_damaged_model_replaces_it(run: Run, tiny_labels: Path, tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "m")
    (tmp_path / "m" / "weights.safetensors").write_bytes(b"damaged")
    found = run("train", tiny_labels, "--out", tmp_path / "m", *QUICK)
    assert "the model that was there cannot be read" in found.err
    assert run("models", "verify", tmp_path / "m").code == 0


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Options)])
def test_train_has_every_option_of_the_library_with_its_help(run: Run, field: str) -> None:
    assert re.search(rf"--{field.replace('_', '-')} [A-Z.,]+\s+[A-Z]", run("train", "--help").out)


# evaluate and compare


def test_evaluate_shows_baselines_and_labels(run: Run, tiny_folder: Path, tiny_labels: Path) -> None:
    out = run("evaluate", tiny_folder, tiny_labels).out
    assert out.startswith("7 sentences of 1 article, split test\n")
    assert "majority" in out
    assert "calibration error" in out
    assert "found at 90% precision" in out


def test_evaluate_json_is_json_without_nan(run: Run, tiny_folder: Path, tiny_labels: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    row = json.loads(run("evaluate", tiny_folder, tiny_labels, "-f", "json").out, parse_constant=refuse)
    assert row["sentences"] == 7


def test_evaluate_standoff_finds_the_text_in_the_reader_s_copies(
    run: Run, tiny_folder: Path, tiny_schema: Schema, tmp_path: Path
) -> None:
    articles = labels_folder(tmp_path, tiny_schema) / "articles"
    found = standoff_file(articles, tiny_schema, tmp_path)
    (articles / "two.txt").unlink()
    ran = run("evaluate", tiny_folder, "--standoff", found, "--articles", articles)
    assert ran.out.startswith("2 sentences of 1 article\n")
    assert ran.err == f"2 of 4 sentences are not in {articles} and are left out\n"


def test_compare_lists_figures_and_changes(run: Run, tiny_folder: Path, tiny_labels: Path) -> None:
    out = run("compare", tiny_folder, tiny_folder, tiny_labels).out
    assert "stance macro F1: union" in out
    assert "no decisions changed" in out


def test_compare_on_the_training_sentences_says_so(run: Run, tiny_folder: Path, tiny_labels: Path) -> None:
    remark = "one of them was trained on just these sentences: what it remembers is no measure"
    run("train", tiny_labels, "--out", tiny_labels / "model", "--folds", "2")
    model = tiny_labels / "model"
    assert remark in run("compare", tiny_folder, model, tiny_labels, "--split", "train").out
    assert remark not in run("compare", tiny_folder, model, tiny_labels, "--split", "dev").out


def test_splits_that_there_are_not_are_refused(run: Run, tiny_folder: Path, tiny_labels: Path) -> None:
    rows = tiny_labels / "gold" / "dev.jsonl"
    assert "--splits are of labels folders" in run("train", rows, "--out", "m", "--splits", "dev").err
    assert (
        "split: this source has none, so expected 'train', 'dev' or 'test' for all of it, got 'foo'"
        in run("evaluate", tiny_folder, rows, "--split", "foo").err
    )
    assert run("evaluate", tiny_folder, rows, "--split", "dev").code == 0


def test_a_table_without_rows_is_nothing_to_measure_on(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("text,topics\n")
    assert "expected labelled sentences, got none" in run("evaluate", tiny_folder, table).err
    found = run("compare", tiny_folder, tiny_folder, table)
    assert (found.code, found.err) == (2, "stance: compare: expected labelled sentences, got none\n")


def test_compare_json(run: Run, tiny_folder: Path, tiny_labels: Path) -> None:
    assert json.loads(run("compare", tiny_folder, tiny_folder, tiny_labels, "-f", "json").out)["changes"] == []


# labels


def labels_folder(tmp_path: Path, schema: Schema, *, differ: bool = False) -> Path:
    """Two articles of two sentences, labelled by two coders, who differ on one topic if told to."""
    from stance.articles import read_articles

    folder = tmp_path / "mine"
    (folder / "articles").mkdir(parents=True)
    (folder / "articles" / "one.txt").write_text("Norland praised Southmark. It rained.", encoding="utf-8")
    (folder / "articles" / "two.txt").write_text("The tariffs on Norland stay. It snowed.", encoding="utf-8")
    shutil.copy(schema_file(tmp_path), folder / "schema.toml")
    neutral = dict.fromkeys(schema.target_names, "neutral")
    labels = [
        Annotation(id=name, sha=sentence.sha, topics=(), stances=neutral)
        for article in read_articles(folder / "articles")
        for name, sentence in numbered_sentences(article)
    ]
    write_annotations(labels, folder / "annotations" / "ann.jsonl")
    if differ:
        labels[2] = dataclasses.replace(labels[2], topics=("trade",))
    write_annotations(labels, folder / "annotations" / "bob.jsonl")
    return folder


def test_a_coder_fills_in_the_csv_and_what_is_merged_trains(run: Run, tmp_path: Path, tiny_schema: Schema) -> None:
    folder = labels_folder(tmp_path, tiny_schema)
    coded, merged, rows = folder / "annotations" / "cat.csv", tmp_path / "merged.jsonl", tmp_path / "rows.jsonl"
    run("labels", "sentences", folder, "--format", "csv", "-o", coded)
    lines = coded.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "id,article,register,date,text,sha,topics,union,tariffs,note"
    assert all(line.endswith(",,,,") for line in lines[1:])
    coded.write_text("\n".join([lines[0], *(line[:-4] + ",,neutral,neutral," for line in lines[1:])]), encoding="utf-8")
    assert run("labels", "check", folder).out == "all is well: 4 sentences of 2 articles\n"
    assert run("labels", "merge", coded, folder / "annotations" / "ann.jsonl", "-o", merged).code == 0
    hydrated = run("labels", "hydrate", merged, "--articles", folder, "--schema", folder / "schema.toml", "-o", rows)
    assert hydrated.err == f"4 sentences written to {rows}, 0 not found in {folder}\n"
    assert next(json.loads(line)["text"] for line in rows.read_text().splitlines()) == "Norland praised Southmark."


def schema_file(tmp_path: Path) -> Path:
    from conftest import TINY_SCHEMA

    path = tmp_path / "schema.toml"
    path.write_text(TINY_SCHEMA, encoding="utf-8")
    return path


def standoff_file(articles: Path, schema: Schema, tmp_path: Path, name: str = "standoff.jsonl") -> Path:
    """The first coder's labels of `labels_folder`, without text."""
    from stance.annotations import read_annotations
    from stance.articles import read_articles

    labels = read_annotations(articles.parent / "annotations" / "ann.jsonl", schema)
    write_standoff(dehydrate(labels, list(read_articles(articles))), tmp_path / name)
    return tmp_path / name


def test_labels_sentences_gives_what_a_coder_s_file_needs(run: Run, tiny_schema: Schema, tmp_path: Path) -> None:
    folder = labels_folder(tmp_path, tiny_schema)
    rows = [json.loads(line) for line in run("labels", "sentences", folder).out.splitlines()]
    assert [row["id"] for row in rows] == ["one-01", "one-02", "two-01", "two-02"]
    assert {"id", "sha", "text"} <= rows[0].keys()


def test_labels_sentences_of_one_article_as_text(run: Run, tiny_schema: Schema, tmp_path: Path) -> None:
    folder = labels_folder(tmp_path, tiny_schema)
    out = run("labels", "sentences", folder, "--article", "two", "-f", "text").out
    assert out == "two-01  The tariffs on Norland stay.\ntwo-02  It snowed.\n"


def test_labels_check_says_when_all_is_well(run: Run, tiny_schema: Schema, tmp_path: Path) -> None:
    found = run("labels", "check", labels_folder(tmp_path, tiny_schema))
    assert (found.code, found.out) == (0, "all is well: 4 sentences of 2 articles\n")


def test_labels_check_prints_a_line_a_problem_and_exits_with_one(run: Run, tiny_schema: Schema, tmp_path: Path) -> None:
    found = run("labels", "check", labels_folder(tmp_path, tiny_schema, differ=True))
    assert found.code == 1
    assert "two-01: topic trade: ann says no, bob says yes" in found.out
    assert len(found.out.splitlines()) == 1


def test_labels_agreement_measures_every_column(run: Run, tiny_schema: Schema, tmp_path: Path) -> None:
    lines = run("labels", "agreement", labels_folder(tmp_path, tiny_schema, differ=True)).out.splitlines()
    assert lines[0] == "ann and bob"
    # One of four sentences differs.
    assert lines[2].split()[:4] == ["topic", "trade", "4", "0.75"]


def test_labels_merge_lists_what_is_open_and_exits_with_one(run: Run, tiny_schema: Schema, tmp_path: Path) -> None:
    found = run("labels", "merge", labels_folder(tmp_path, tiny_schema, differ=True))
    assert (found.code, found.out) == (1, "two-01: topic trade: ann says no, bob says yes\n")
    assert found.err == "3 sentences agreed, no disagreements settled, 1 open\n"


def test_labels_merge_takes_the_adjudication(run: Run, tiny_schema: Schema, tmp_path: Path) -> None:
    folder = labels_folder(tmp_path, tiny_schema, differ=True)
    verdict = json.loads((folder / "annotations" / "bob.jsonl").read_text(encoding="utf-8").splitlines()[2])
    (folder / "annotations" / "adjudication.jsonl").write_text(
        json.dumps(verdict | {"note": "tariffs are trade"}) + "\n", encoding="utf-8"
    )
    found = run("labels", "merge", folder, "--output", tmp_path / "merged.jsonl")
    assert found.code == 0
    rows = [json.loads(line) for line in (tmp_path / "merged.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["topics"] for row in rows if row["id"] == "two-01"] == [["trade"]]


def test_labels_merge_of_standoff_files_gives_a_standoff_file(run: Run, tiny_schema: Schema, tmp_path: Path) -> None:
    articles = labels_folder(tmp_path, tiny_schema) / "articles"
    files = [standoff_file(articles, tiny_schema, tmp_path, f"{name}.jsonl") for name in ("a", "b")]
    schema = ("--schema", tmp_path / "schema.toml")
    assert run("labels", "merge", *files, *schema, "-o", tmp_path / "c.jsonl").code == 0
    assert (tmp_path / "c.jsonl").read_bytes() == files[0].read_bytes()


def test_labels_hydrate_writes_rows_with_text(run: Run, tiny_schema: Schema, tmp_path: Path) -> None:
    articles = labels_folder(tmp_path, tiny_schema) / "articles"
    file = standoff_file(articles, tiny_schema, tmp_path)
    out = tmp_path / "rows.csv"
    found = run(
        "labels", "hydrate", file, "--articles", articles, "--output", out, "--schema", tmp_path / "schema.toml"
    )
    assert found.code == 0
    rows = list(csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines()))
    assert [row["text"] for row in rows][:2] == ["Norland praised Southmark.", "It rained."]


def test_labels_split_writes_gold_that_trains(run: Run, tiny_schema: Schema, tmp_path: Path) -> None:
    folder = labels_folder(tmp_path, tiny_schema)
    found = run("labels", "split", folder, "--shares", "train=0.5,test=0.5")
    assert found.code == 0
    assert sorted(path.name for path in (folder / "gold").iterdir()) == ["test.jsonl", "train.jsonl"]
    assert [line.split() for line in found.out.splitlines()][1:3] == [["articles", "1", "1"], ["sentences", "2", "2"]]


def test_labels_split_moves_articles_only_when_told_to_and_says_how_many(
    run: Run, tiny_schema: Schema, tmp_path: Path
) -> None:
    folder = labels_folder(tmp_path, tiny_schema)
    shares = ("--shares", "train=0.5,test=0.5")
    run("labels", "split", folder, *shares)
    train, test = folder / "gold" / "train.jsonl", folder / "gold" / "test.jsonl"
    first = train.read_text()
    swapped = test.read_text()
    train.write_text(swapped)
    test.write_text(first)
    kept = run("labels", "split", folder, *shares)
    assert train.read_text() == swapped
    assert "changed the part" not in kept.err
    anew = run("labels", "split", folder, *shares, "--afresh")
    assert train.read_text() == first
    assert "2 articles of 2 changed the part: train again" in anew.err


# models


def test_models_info_tells_what_a_model_decides(run: Run, tiny_folder: Path) -> None:
    out = run("models", "info", tiny_folder).out
    assert "trained on        42 sentences of 6 articles" in out
    assert "union: favor" in out


def test_models_verify_finds_a_flipped_byte(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "m")
    weights = bytearray((tmp_path / "m" / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "m" / "weights.safetensors").write_bytes(weights)
    found = run("models", "verify", tmp_path / "m", tiny_folder)
    assert (found.code, found.out) == (2, f"{tiny_folder}: whole\n")
    assert "checksum does not match" in found.err


def test_models_list_names_the_shipped_models(run: Run, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stance.model_folder.shipped_models", lambda: {"tiny": tiny_folder})
    assert run("models", "list").out.splitlines()[1].split()[:3] == ["tiny", "trade,", "jubilee"]


# Bad input: one line, exit code 2


BAD = {
    "a file that is not there": (("classify", "-m", "{model}", "no.txt"), "found nothing at no.txt"),
    "no such model": (("classify", "-m", "nosuch", "a b"), "no model folder at 'nosuch'"),
    "an unknown target": (("classify", "-m", "{model}", "-t", "unoin", "a b"), "got 'unoin'; did you mean 'union'?"),
    "a precision out of range": (("classify", "-m", "{model}", "--min-precision", "7", "a b"), "got 7.0"),
    "a page of lines": (("classify", "-m", "{model}", "--lines", "--html", "x.html", "a b"), "leave out --lines"),
    "a page as output": (("classify", "-m", "{model}", "-o", "x.html", "a b"), "for a page: --html x.html"),
    "nothing to classify": (("classify", "-m", "{model}"), "expected articles: name a file or folder"),
    "a page to standard output": (("classify", "-m", "{model}", "--html", "-", "a b"), "--html writes a file"),
    "an unknown option": (("classify", "--traget", "x"), "No such option: --traget"),
    "an unknown command": (("clasify",), "No such command 'clasify'"),
    "an unknown format": (("classify", "-f", "xml", "a b"), "'xml' is not one of"),
    "explain as CSV": (("explain", "-m", "{model}", "-f", "csv", "a b"), "'csv' is not one of 'table', 'jsonl'"),
    "a file to explain": (
        ("explain", "-m", "{model}", "{model}/model.json"),
        "explain takes one sentence, got the file",
    ),
    "an unknown output": (("explain", "-m", "{model}", "--output-name", "trad", "a b"), "did you mean 'trade'"),
    "no labels": (("train", "nowhere", "--out", "m"), "expected labels"),
    "a fold too many": (
        ("train", "{labels}", "--out", "m", "--folds", "99"),
        "'folds' must be an integer from 2 to 20",
    ),
    "words for numbers": (
        ("train", "{labels}", "--out", "m", "--strengths", "a"),
        "numbers separated by commas, got 'a'",
    ),
    "an unknown split": (("evaluate", "{model}", "{labels}", "--split", "tset"), "got 'tset'; did you mean 'test'?"),
    "nothing to evaluate on": (("evaluate", "{model}"), "expected either LABELS or --standoff"),
    "stand-off labels alone": (("evaluate", "{model}", "--standoff", "x"), "--standoff needs --articles"),
    "a labels folder that is not there": (("labels", "check", "nowhere"), "found nothing at nowhere"),
    "one coder": (("labels", "agreement", "{labels}"), "expected two coders or more, got none"),
    "no coders": (("labels", "merge", "{labels}"), "expected coders' labels"),
    "shares that are none": (("labels", "split", "{labels}", "--shares", "half"), "--shares must look like"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line(
    run: Run, tiny_folder: Path, tiny_labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, message = BAD[case]
    found = run(*(a.format(model=tiny_folder, labels=tiny_labels) for a in arguments))
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("stance: ")
    assert message in found.err
    assert found.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "standard input: expected UTF-8, got invalid start byte at byte 3"),
        (("--lines",), "standard input, line 2: expected UTF-8, got invalid start byte"),
    ],
)
def test_input_that_is_not_utf_8_is_refused(
    run: Run, tiny_folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    found = run("classify", "-m", tiny_folder, *arguments, stdin=b"ab\n\xff\n")
    assert (found.code, found.err) == (2, f"stance: {message}\n")


def test_a_bug_is_not_passed_off_as_bad_input(run: Run, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(stance.Classifier, "classify_article", broken)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run("classify", "-m", tiny_folder, "a b")


# Signals


def started(model: Path, *arguments: str) -> subprocess.Popen[bytes]:
    script = "import sys; from stance.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "classify", "-m", str(model), "--lines", "-f", "jsonl", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_with_130_and_no_traceback(tiny_folder: Path) -> None:
    with started(tiny_folder, "-") as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"It rained.\n" * 600)
        process.stdin.flush()
        process.stdout.readline()  # it is at work now
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in error


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_closed_pipe_ends_quietly(tiny_folder: Path) -> None:
    with started(tiny_folder, "-") as process:
        assert process.stdin
        assert process.stdout
        process.stdout.close()
        process.stdin.write(b"It rained.\n" * 600)
        process.stdin.close()
        process.wait(timeout=60)
        assert process.stderr
        assert (process.returncode, process.stderr.read()) == (141, b"")
