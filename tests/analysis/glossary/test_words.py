from analysis.glossary.words import REPORT, WIDTHS


def test_words_are_no_columns() -> None:
    assert not [term.name for term in (*REPORT, *WIDTHS) if "." in term.name]


def test_each_is_a_sentence() -> None:
    for term in (*REPORT, *WIDTHS):
        assert term.meaning.endswith("."), term.name
