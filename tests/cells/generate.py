"""generate.py FOLDER: writes a case for each cell of each table there, for oc_cases. README.md says how."""

import sys

import accumulators
import commands
import encrypted_fields
import expressions
import match
import pipeline_updates
import reasons
import schemas
import stage_options
import stage_shapes
import stages
import stored
import trees
import updates
from book import Book
from forms import SCHEMAS
from mistake import Mistake

SUBJECTS = (
    match,
    stored,
    trees,
    expressions,
    accumulators,
    stages,
    stage_options,
    stage_shapes,
    updates,
    pipeline_updates,
    commands,
    schemas,
    encrypted_fields,
)


def main(folder):
    book = Book()
    for subject in SUBJECTS:
        subject.fill(book)
    reasons.check()
    book.write(folder, SCHEMAS)
    counts = book.count()
    print(f"cells: {sum(counts.values())} cases: " + ", ".join(f"{name} {count}" for name, count in counts.items()))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Mistake as mistake:
        sys.exit(f"tests/cells: {mistake}")
