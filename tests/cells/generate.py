"""generate.py FOLDER: writes a case for each cell of each table there, for oc_cases. README.md says how."""

import importlib
import sys

from book import Book
from forms import SCHEMAS

SUBJECTS = sys.argv[2:] or ["match"]


def main():
    book = Book()
    for subject in SUBJECTS:
        importlib.import_module(subject).fill(book)
    book.write(sys.argv[1], SCHEMAS)
    print(book.count())


if __name__ == "__main__":
    main()
