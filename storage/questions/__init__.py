"""Questions that people ask of costs, by name: the SQL of each is a file, and says what it takes and what comes of it.

::

    question = load()["monthly_costs"]
    with ask(connection, question, values_of(question, {"by": "account"}, today)) as answer:
        print(answer.columns, answer.completeness)
        for row in answer.rows:
            ...

Any role may ask that may read the schema ``reporting``. Nothing is converted, and no sum is over two currencies.
"""

from storage.questions.asking import Answer, ask
from storage.questions.completeness import Completeness, Lacking
from storage.questions.files import Column, Question, Threshold, load
from storage.questions.mistyped import mistyped
from storage.questions.read_only import JsonText, select
from storage.questions.values import BadValue, Given, Values, values_of

__all__ = [
    "Answer",
    "BadValue",
    "Column",
    "Completeness",
    "Given",
    "JsonText",
    "Lacking",
    "Question",
    "Threshold",
    "Values",
    "ask",
    "load",
    "mistyped",
    "select",
    "values_of",
]
