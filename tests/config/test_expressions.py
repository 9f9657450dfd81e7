"""The language of expressions: what it computes, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import awkward as ak
import numpy as np
import pytest

from trigger_lut.config.data_set.expressions import branch, parse
from trigger_lut.config.data_set.functions import FUNCTIONS
from trigger_lut.errors import ConfigurationError, DataError

X = np.array([-1.5, 0.0, 4.0])
N = np.array([100, 3, 2], np.int8)
PT = ak.Array([[3.0, 1.0], [], [5.0]])
ETA = ak.Array([[0.5, -2.0], [], [1.0]])
FIXED = np.arange(24.0).reshape(3, 4, 2)  # as many entries as a list may have elements
NESTED = ak.Array([[[1.0, 2.0], []], [], [[3.0]]])
MASK = np.array([2**63 + 1, 6, 0], np.uint64)
BRANCHES = {"x": X, "n": N, "pt": PT, "eta": ETA, "Jet.PT": X, "ok": np.array([True, False, True])}
BRANCHES |= {"fixed": FIXED, "nested": NESTED, "mask": MASK, "ids": ak.Array([[6, 2], [], [7]])}
BRANCHES |= {"process": ak.Array(["qcd", "tt", "tt"]), "tags": ak.Array([["a", "b"], [], ["b"]])}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", X),
        ("-x + 2 * 3", 6 - X),
        ("x ** 2 / 4", X**2 / 4),
        ("n * n", [10000, 9, 4]),  # no overflow in 8 bits
        ("sqrt(abs(x))", np.sqrt(np.abs(X))),
        ("log2(n)", np.log2([100, 3, 2])),
        ("log(x)", [np.nan, -np.inf, np.log(4)]),
        ("1 / x", [1 / -1.5, np.inf, 0.25]),
        ("clip(x, -1, 1)", [-1, 0, 1]),
        ("minimum(x, n)", [-1.5, 0, 2]),
        ("maximum(x, 1)", [1, 1, 4]),
        ("where(x > 0, x, n)", [100, 3, 4]),
        ("exp(0 * x)", [1, 1, 1]),
        ('branch("Jet.PT") * 2', 2 * X),
        ("x > -1", [False, True, True]),
        ("-1 < x <= 4", [False, True, True]),
        ("(x > -1) & ~(n == 3)", [False, False, True]),
        ("ok | (x == 0)", [True, True, True]),
        ("ok + ok", [2, 0, 2]),
        ("sum(pt)", [4, 0, 5]),
        ("sum(pt * eta)", [-0.5, 0, 5]),
        ("sum(pt > 2)", [1, 0, 1]),
        ("sum(where(abs(eta) < 1.5, pt, 0))", [3, 0, 5]),
        ("num(pt) + count(eta)", [4, 0, 2]),
        ("max(pt) - min(pt)", [2, np.nan, 0]),
        ("nth(pt, 0)", [3, np.nan, 5]),
        ("nth(pt, 1, -1)", [1, -1, -1]),
        ("sum(pt / x)", [-4 / 1.5, 0, 1.25]),
        ("9 ** 9 ** 9 ** 9 * x", [-np.inf, np.nan, np.inf]),
        ("n % 10", [0, 3, 2]),
        ("(n & 2) > 0", [False, True, True]),
        ("n & 6 | 1", [5, 3, 3]),
        ("(n >> 1) << 1", [100, 2, 2]),
        ("(mask & 9223372036854775808) > 0", [True, False, False]),
        ("(mask >> 63) == 1", [True, False, False]),
        ("mask % 10", [9, 6, 0]),
        ("mask == 9223372036854775809", [True, False, False]),
        ("mask != 9223372036854775808", [True, True, True]),
        ("(mask > -1) & (mask != -1)", [True, True, True]),
        ("-n % 7", [5, 4, 5]),
        ("n % 2.5", [0, 0.5, 2]),
        ("sum((ids & 4) > 0)", [1, 0, 1]),
        ("ok == True", [True, False, True]),
        ("False != ok", [True, False, True]),
        ("any(pt > 2)", [True, False, True]),
        ("all(pt > 2)", [False, True, True]),
        ("mean(pt)", [2, np.nan, 5]),
        ("isnan(mean(pt)) | ~isfinite(1 / x)", [False, True, False]),
        ("nth(sort(pt), 0, 0) - nth(sort(pt, eta), 1, 0)", [2, 0, 5]),
        ("nth(sort(eta, -pt), 0, 9)", [-2, 9, 1]),
        ("deltaphi(x, 4)", [4 * np.pi / 2 - 5.5, 2 * np.pi - 4, 0]),
        ("deltaR(x, n, x, n)", [0, 0, 0]),
        ("sum(pt[abs(eta) < 1.5])", [3, 0, 5]),
        ("num(pt[pt > x])", [2, 0, 1]),
        ("pt[:, 1]", [1, np.nan, np.nan]),
        ("nth(pt[:, 0:1], 0, 7)", [3, 7, 5]),
        ("sum(fixed[:, :, 1])", FIXED[:, :, 1].sum(axis=1)),
        ("sum(fixed[..., 1])", FIXED[:, :, 1].sum(axis=1)),
        ("fixed[:, 3, 1]", FIXED[:, 3, 1]),
        ("sum(fixed[:, 3])", FIXED[:, 3].sum(axis=1)),
        ("sum(sum(fixed * x))", (FIXED * X[:, None, None]).sum(axis=(1, 2))),
        ("sum(nth(fixed, 1))", FIXED[:, :, 1].sum(axis=1)),
        ("sum(sum(nested))", [3, 0, 3]),
        ("sum(num(nested))", [2, 0, 1]),
        ("max(nth(nested, 0, -1))", [1, np.nan, 3]),
        ("sum(nested[:, 0])", [3, 0, 3]),
        ("nested[:, 0, 1]", [2, np.nan, np.nan]),
        ("process == 'tt'", [False, True, True]),
        ('"tt" != process', [True, False, False]),
        ("any(tags == 'a')", [True, False, False]),
    ],
)
def test_value(text: str, expected: object) -> None:
    np.testing.assert_allclose(parse(text).evaluate(BRANCHES), expected, rtol=1e-15)


def test_names_are_the_branches_in_order() -> None:
    assert parse("log(pt) + x * branch('a b') - x").names == ("pt", "x", "a b")
    np.testing.assert_array_equal(branch("Jet.PT").evaluate(BRANCHES), X)


def test_an_unreduced_list_stays_a_list() -> None:
    assert parse("2 * pt").evaluate(BRANCHES).to_list() == [[6, 2], [], [10]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x +", "expression 'x +' cannot be parsed: invalid syntax"),
        ("", "expression '' cannot be parsed: invalid syntax"),
        ("x; y", "expression 'x; y' cannot be parsed: invalid syntax"),
        ("3 + 4", "expression '3 + 4' names no branch"),
        ("lgo(x)", "expression 'lgo(x)': no function 'lgo'; nearest: 'log', 'log2', 'log1p'"),
        ("clip(x)", "expression 'clip(x)': clip takes 3 arguments, found 1"),
        ("log(x, y)", "expression 'log(x, y)': log takes 1 argument, found 2"),
        ("nth(pt)", "expression 'nth(pt)': nth takes 2 or 3 arguments, found 1"),
        ("log(x=3)", "expression 'log(x=3)': log takes no named arguments"),
        ("log + x", "expression 'log + x': log is a function; for a branch of this name write branch(\"log\")"),
        ("x and y", "expression 'x and y': write '&' instead of 'and', with brackets: (a > 1) & (b < 2)"),
        ("not x", "expression 'not x': write '~' instead of 'not', with brackets: (a > 1) & (b < 2)"),
        ("x + 'a'", "expression \"x + 'a'\": expected a number, found 'a'"),
        ("x + True", "expression 'x + True': expected a number, found True"),
        (
            "x > 1 & n < 2",
            "expression 'x > 1 & n < 2': put comparisons in brackets, as in (a > 1) & (b < 2), or bits, as in "
            "(flags & 4) > 0: found '1 & n' within a comparison",
        ),
        ("process < 'a'", "expression \"process < 'a'\": text is compared with one branch, as in process == 'ttbar'"),
        (
            "n & 2 > 0",
            "expression 'n & 2 > 0': put comparisons in brackets, as in (a > 1) & (b < 2), or bits, as in "
            "(flags & 4) > 0: found 'n & 2' within a comparison",
        ),
        ("pt[0]", "expression 'pt[0]': the first index is over entries: write pt[:, 0] for element 0 of each entry"),
        (
            "x ^ 2",
            "expression 'x ^ 2': 'x ^ 2' is not part of the language (numbers, branches, + - * / % **, "
            "comparisons, & | ~, functions); a power is written x ** 2",
        ),
        ("fabs(x)", "expression 'fabs(x)': no function 'fabs'; write abs"),
        ("delta_r(x)", "expression 'delta_r(x)': no function 'delta_r'; write deltaR"),
        ("TMath.Sqrt(x)", "expression 'TMath.Sqrt(x)': no function 'TMath.Sqrt'; write sqrt"),
        ("nth(pt, x)", "expression 'nth(pt, x)': nth takes an integer from 0 to 999 as its second argument"),
        ("nth(pt, 1.5)", "expression 'nth(pt, 1.5)': nth takes an integer from 0 to 999 as its second argument"),
        ("branch(x)", "expression 'branch(x)': branch takes one name in quotes, such as branch(\"Jet.PT\")"),
    ],
)
def test_mistake(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__",
        "().__class__.__bases__",
        "[x for x in y]",
        "lambda: x",
        "x if y else z",
        "pt[0]",
        "f'{x}'",
        "x := 3",
        "eval(x)",
        "x << 99999999",
        "x << n",
        "x ^ 2",
        "pt[0, 1]",
        "pt[1:]",
        "pt[:]",
        "pt[..., 0, 1]",
        "pt[:, -1]",
        "pt[:, ::2]",
        "pt[:, 1000]",
        "pt[()]",
        "'a' == 'b'",
        "x == 'a' == 1",
        "process < 'tt'",
        "abs(process) == 'tt'",
        "nth(pt, True)",
        "x @ y",
        "x in y",
        "(x, y)",
        "-" * 5000 + "x",
    ],
)
def test_nothing_else_of_python_is_taken(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sum(x)", "expression 'sum(x)': sum(x): sum takes a list per entry, found one number per entry"),
        (
            "(x > 1) & n",
            "expression '(x > 1) & n': & | ~ take truth values; put comparisons in brackets: (a > 1) & (b < 2)",
        ),
        ("x & 2", "expression 'x & 2': & | << >> take truth values or integers, found numbers that are not integers"),
        ("any(pt)", "expression 'any(pt)': any(pt): any takes truth values; compare, as in any(x > 0)"),
        ("pt[eta]", "expression 'pt[eta]': pt[eta]: expected a truth value for each element, as in x[x > 0]"),
        ("x[:, 0]", "expression 'x[:, 0]': x[:, 0]: expected a list per entry, found one number per entry"),
        ("fixed[:, 4]", "expression 'fixed[:, 4]': fixed[:, 4]: index 4, expected 0 to 3"),
        ("fixed[..., 2]", "expression 'fixed[..., 2]': fixed[..., 2]: index 2, expected 0 to 1"),
        (
            "pt[:, 0, 0]",
            "expression 'pt[:, 0, 0]': pt[:, 0, 0]: 3 indices, but the branch has 2 axes, entries included",
        ),
        (
            "process + 1",
            "expression 'process + 1': text where a number is expected; compare it, as in process == 'ttbar'",
        ),
        ("x == 'a'", "expression \"x == 'a'\": x == 'a': text is compared with numbers"),
        ("~x", "expression '~x': & | ~ take truth values; put comparisons in brackets: (a > 1) & (b < 2)"),
    ],
)
def test_wrong_type(text: str, message: str) -> None:
    with pytest.raises(DataError, match="^" + re.escape(message) + "$"):
        parse(text).evaluate(BRANCHES)


def test_lists_of_different_lengths_do_not_fit() -> None:
    with pytest.raises(DataError, match=r"^expression 'pt \+ eta': branches do not fit together: "):
        parse("pt + eta").evaluate({"pt": PT, "eta": ak.Array([[1.0], [], [1.0]])})


@pytest.mark.parametrize("lengths", [(3, 1), (1, 3), (0, 1), (2, 0)])
def test_condition_of_other_length_is_refused(lengths: tuple[int, int]) -> None:
    """awkward takes a short condition, or a short key, for that of the first elements."""
    elements, truths = lengths
    branches = {"pt": ak.Array([[1.0], [1.0] * elements]), "bx": ak.Array([[0], [0] * truths])}
    message = rf"lists differ in length\. Expected {elements} elements, found {truths}\."
    for text in ("pt[bx == 0]", "sum(pt[bx == 0])", "nth(pt[~(bx == 0)], 0)", "nth(sort(pt, bx), 0)"):
        with pytest.raises(DataError, match=message):
            parse(text).evaluate(branches)
    nested = {"hits": ak.Array([[[1.0], [1.0] * elements]]), "bx": ak.Array([[[0], [0] * truths]])}
    with pytest.raises(DataError, match=message):
        parse("hits[bx == 0]").evaluate(nested)
    with pytest.raises(DataError, match="expected lists with 2 to 2 axes, entries included, found 3"):
        parse("pt[bx == 0]").evaluate({"pt": ak.Array([[1.0, 1.0]]), "bx": nested["bx"]})


@pytest.mark.parametrize("key", ["x", "3", "sum(pt)"])
def test_sort_by_a_number_per_entry_is_refused(key: str) -> None:
    """awkward would change the order of the entries."""
    branches = {"pt": ak.Array([[1.0, 2.0], [3.0]]), "x": np.array([2.0, 1.0])}
    with pytest.raises(DataError, match=r"sort: expected lists with 2 to 2 axes, entries included, found [01]"):
        parse(f"nth(sort(pt, {key}), 0)").evaluate(branches)


def test_nth_takes_another_value_for_each_entry() -> None:
    branches = {"pt": ak.Array([[1.0, 2.0], [3.0], []]), "x": np.array([7.0, 8.0, 9.0])}
    np.testing.assert_array_equal(parse("nth(pt, 1, x)").evaluate(branches), [2.0, 8.0, 9.0])
    np.testing.assert_array_equal(parse("nth(pt, 1, 0)").evaluate(branches), [2.0, 0.0, 0.0])


def test_condition_selects_lists_or_their_elements() -> None:
    hits, wanted = ak.Array([[[1.0, 2.0], [3.0]], []]), ak.Array([[True, False], []])
    assert parse("hits[good]").evaluate({"hits": hits, "good": wanted}).tolist() == [[[1.0, 2.0]], []]
    assert parse("hits[hits > 1.5]").evaluate({"hits": hits}).tolist() == [[[2.0], [3.0]], []]


@pytest.mark.parametrize("name", ["\u00b5", "Jet_\u03d5", "\ufb01t", "\u0394\u03b7"])
def test_parse_name_keeps_its_characters(name: str) -> None:
    assert parse(f"abs({name}) + 1").names == (name,)
    np.testing.assert_array_equal(parse(f"{name} * 2").evaluate({name: np.array([1.5])}), [3])


def test_parse_reserved_word_is_explained() -> None:
    with pytest.raises(ConfigurationError, match=r'For a branch of the name \'class\' write branch\("class"\)'):
        parse("2 * class")
    with pytest.raises(ConfigurationError) as caught:
        parse("x is x is")
    assert "branch(" not in str(caught.value)


@pytest.mark.parametrize("text", ["mask", "mask - 1", "mask == x", "sqrt(mask)", "mask % n", "-mask"])
def test_integer_that_float64_rounds_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"an integer beyond 2\*\*53"):
        parse(text).evaluate(BRANCHES)


def combined(rng: np.random.Generator) -> list[str]:
    """Expressions of all functions and operators, over branches that need not fit together."""
    names = ["x", "n", "pt", "eta", "short", "hits", "grid", "1.5"]
    forms = []
    for name, function in FUNCTIONS.items():
        for count in function.arguments:
            for _ in range(6):
                operands = rng.choice(names, count).tolist()
                if name in ("any", "all", "where"):
                    operands[0] = f"{operands[0]} > 1"
                if name == "nth":
                    operands[1] = "1"
                forms.append(f"{name}({', '.join(operands)})")
    pairs = [rng.choice(names, 2) for _ in range(10)]
    for form in ("{} + {}", "{} > {}", "{}[{} > 1]", "sum({}[{} > 0])", "nth(sort({}, {}), 0)", "~({} > {})"):
        forms += [form.format(*pair) for pair in pairs]
    return forms


def random_branches(rng: np.random.Generator, entries: int) -> dict[str, Any]:
    lengths, others = rng.integers(0, 4, (2, entries))

    def numbers(count: Any) -> Any:
        return rng.integers(-3, 9, count) / 2

    inner = rng.integers(0, 3, lengths.sum())
    hits = ak.unflatten(ak.unflatten(numbers(inner.sum()), inner), lengths)
    lists = {name: ak.unflatten(numbers(lengths.sum()), lengths) for name in ("pt", "eta")}
    lists["short"] = ak.unflatten(numbers(others.sum()), others)
    return lists | {
        "x": numbers(entries),
        "n": rng.integers(0, 5, entries),
        "hits": hits,
        "grid": numbers((entries, 3)),
    }


@pytest.mark.parametrize("seed", range(3))
def test_value_of_an_entry_depends_on_that_entry_alone(seed: int) -> None:
    """Whatever is combined: it is refused, or each entry has the value that it has by itself."""
    rng = np.random.default_rng(seed)
    entries = 4
    branches = random_branches(rng, entries)
    computed = 0
    for text in combined(rng):
        try:
            expression = parse(text)
            values = expression.evaluate(branches)
        except (ConfigurationError, DataError):
            continue
        if expression.names:
            assert len(values) == entries, text
            for entry in range(entries):
                one = {name: array[entry : entry + 1] for name, array in branches.items()}
                assert repr(ak.to_list(expression.evaluate(one))) == repr([ak.to_list(values)[entry]]), (text, entry)
            computed += 1
    assert computed > 50
