"""Expressions over columns, such as ``"year >= 2016 and region in [1, 2]"``: read, checked, computed.

A file of specifications may come from someone else. What is computed is the tree that was checked, and never
the text: an expression compares columns, and cannot call, take attributes, or ask for endless work.
"""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.grammar import excerpt, is_quoted, refuse_excess, unquote
from kostnadsvekst.naming import require_columns

LONGEST_EXPRESSION = 20_000  # characters
MOST_OPERATIONS = 200
DEEPEST_OPERATIONS = 50
LARGEST_EXPONENT, MOST_POWERS = 16, 2
_LARGEST_NUMBER = 2**63

# Texts and names in backticks, between which the signs stand.
# One that is not closed goes on to the end of the line, so that each sign is looked at once.
_QUOTED = re.compile(r"'(?:[^'\\\n]|\\.)*'?|\"(?:[^\"\\\n]|\\.)*\"?|`(?:[^`\n]|``)+`?")
_ALLOWED = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Invert, ast.USub, ast.UAdd),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn),
    *(ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple),
)
_CODE = (
    "it may compare columns, but not call functions, take attributes or use variables of the program; "
    "numbers, texts, columns, lists, and, or, not, in, comparisons and + - * / // % ** are all there is"
)


def evaluate_expression(expression: str, data: pd.DataFrame, what: str = "sample") -> Any:
    """Compute an expression over the columns of a frame.

    Parameters
    ----------
    expression : str
        ``and``, ``or``, ``not`` (or ``&``, ``|``, ``~``), comparisons, ``in`` lists, and arithmetic of
        numbers; columns with other names in backticks. ``index`` is the row's label.
    data : DataFrame
        n rows.
    what : str
        What it is to the user.

    Returns
    -------
    Series, or whatever else the expression comes to

    Raises
    ------
    DataMissingError
        If a column does not exist.
    SpecificationError
        If the expression cannot be read, says what it may not say, is too long, or has too many or too large
        operations; the message names the limit.

    Notes
    -----
    ``pandas.eval`` would compute powers and repetitions of constants, and repeat texts, without end.
    """
    refuse_excess(expression, what, LONGEST_EXPRESSION)
    text, columns = _without_quotes(expression)
    named = f"the {what} {excerpt(expression)}" if what == "sample" else f"the {what}"
    tree = _parsed(text, named)
    for fault in _faults(tree):
        raise SpecificationError(f"cannot read {named}: {fault}")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used = {name: columns.get(name, name) for name in sorted(names - {"index"} | names & {*data.columns})}
    require_columns(used.values(), data.columns)
    frame = data[list(used.values())].set_axis(list(used), axis="columns")
    _refuse_text_in_arithmetic(tree, frame, used, named)
    try:
        return frame.eval(ast.unparse(tree), engine="python")
    except Exception as error:  # pandas raises many kinds; each means that the operation does not exist
        raise SpecificationError(f"cannot read {named} ({error!s:.200})") from error


def _without_quotes(expression: str) -> tuple[str, dict[str, str]]:
    """Expression with plain names for those in backticks, ``and`` for ``&``; and what the names stand for."""
    columns: dict[str, str] = {}
    pieces, end = [], 0
    for match in _QUOTED.finditer(expression):
        pieces.append(_with_words(expression[end : match.start()]))
        end = match.end()
        if is_quoted(match[0]):
            # No column is called so: a name that was written would be one of the data's.
            name = f"quoted_{len(columns)}_column"
            columns[name] = unquote(match[0])
            pieces.append(name)
        else:
            pieces.append(match[0])
    return "".join([*pieces, _with_words(expression[end:])]).strip(), columns


def _with_words(signs: str) -> str:
    """Signs that pandas binds more loosely than comparisons, as the words that do so in Python."""
    return signs.replace("&", " and ").replace("|", " or ")


def _parsed(text: str, named: str) -> ast.Expression:
    if "@" in _QUOTED.sub("''", text):
        raise SpecificationError(f"cannot read {named}: {_CODE}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval")
    except (RecursionError, MemoryError):
        problem = f"its operations stand more than {DEEPEST_OPERATIONS} deep inside each other"
    except (SyntaxError, ValueError) as error:
        problem = str(getattr(error, "msg", error))
    raise SpecificationError(
        f"cannot read {named} ({problem}); write a name, or an expression over the "
        "columns such as 'year >= 2016'"
    )


def _faults(tree: ast.Expression) -> Iterator[str]:
    """Name what an expression may not say or ask for."""
    nodes = list(ast.walk(tree))
    if not all(isinstance(node, _ALLOWED) for node in nodes):
        yield _CODE
    count = sum(map(_operations, nodes))
    if count > MOST_OPERATIONS:
        yield f"it has {count:,} operations, and at most {MOST_OPERATIONS} are done; use 'column in [...]'"
    if _depth(tree) > DEEPEST_OPERATIONS:
        yield f"its operations stand more than {DEEPEST_OPERATIONS} deep inside each other"
    yield from (fault for node in nodes for fault in _faults_of_node(node))
    kinds = Counter(type(node.op) for node in nodes if isinstance(node, ast.BinOp))
    if kinds[ast.Pow] > MOST_POWERS:
        yield f"it has {kinds[ast.Pow]} powers, and at most {MOST_POWERS} are computed"


def _operations(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    return len(node.ops) if isinstance(node, ast.Compare) else isinstance(node, ast.BinOp | ast.UnaryOp)


def _depth(tree: ast.AST) -> int:
    level, depth = [tree], 0
    while level:
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
    return depth


def _faults_of_node(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        if type(node.value) not in (int, float, str, bool):
            yield f"{node.value!r:.60} is no number and no text"
        elif isinstance(node.value, int) and node.value >= _LARGEST_NUMBER:
            yield "a whole number in it has more than 64 bits"
    operands = [node.left, node.right] if isinstance(node, ast.BinOp) else []
    operands += [node.operand] if isinstance(node, ast.UnaryOp) else []
    operands += node.values if isinstance(node, ast.BoolOp) else []
    operands += node.elts if isinstance(node, ast.List | ast.Tuple) else []
    for one in operands:
        text = isinstance(one, ast.Constant) and isinstance(one.value, str)
        if isinstance(one, ast.List | ast.Tuple) or (text and not isinstance(node, ast.List | ast.Tuple)):
            yield "texts and lists are compared with columns, and not computed with"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        named = any(isinstance(one, ast.Name) for one in ast.walk(node.left))
        right = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
        exponent = right.value if isinstance(right, ast.Constant) else None
        if not named or not isinstance(exponent, int | float) or exponent > LARGEST_EXPONENT:
            yield f"a power is that of a column, and its exponent a number up to {LARGEST_EXPONENT}"


def _refuse_text_in_arithmetic(
    tree: ast.Expression, frame: pd.DataFrame, used: dict[str, str], named: str
) -> None:
    """Refuse what would repeat a text so many times, or fill it with so many blanks."""
    inside = {
        one.id
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp)
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and one.id in frame.columns
    }
    texts = [used[name] for name in sorted(inside) if _has_text(frame[name])]
    if texts:
        raise SpecificationError(
            f"cannot read {named}: {', '.join(map(repr, texts))} is text, which is "
            "compared and not computed with"
        )


def _has_text(column: pd.Series) -> bool:
    kind = column.dtype.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    if pd.api.types.is_object_dtype(kind):
        return any(isinstance(value, str | bytes | list | tuple) for value in column)
    return bool(pd.api.types.is_string_dtype(kind))
