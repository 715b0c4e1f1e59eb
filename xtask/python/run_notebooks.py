"""Executes notebooks in the kernel `nascent`, and checks what each cell shows.

Usage: run_notebooks.py FOLDER NOTEBOOK…

FOLDER is where they run. A cell says in its metadata what its output has to contain:
{"nascent": {"shows": ["text", …]}}. A notebook in the repository has no outputs.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def text_of(output):
    """All that an output shows, in every form."""
    if output.output_type == "stream":
        return output.text
    return "\n".join(str(value) for value in output.get("data", {}).values())


def check(path, folder):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    problems = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count):
            problems.append(f"{cell.id} has outputs, which do not belong into the repository")
    client = NotebookClient(
        notebook, timeout=600, kernel_name="nascent", resources={"metadata": {"path": str(folder)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return problems + [str(error)]
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        shown = "\n".join(text_of(output) for output in cell.outputs)
        for wanted in cell.metadata.get("nascent", {}).get("shows", []):
            if wanted not in shown:
                problems.append(f"{cell.id} does not show {wanted!r}, but {shown[:2000]!r}")
    return problems


def main():
    folder, *notebooks = (Path(argument) for argument in sys.argv[1:])
    failed = 0
    for path in notebooks:
        begun = time.time()
        problems = check(path, folder)
        print(f"{path.name}: {'FAILED' if problems else 'ok'}, {time.time() - begun:.0f} s", flush=True)
        for problem in problems:
            print("  " + problem.replace("\n", "\n  "), flush=True)
        failed += bool(problems)
    sys.exit(1 if failed else 0)


main()
