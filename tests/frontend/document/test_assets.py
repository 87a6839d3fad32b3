"""What a report in one file brings along."""

from frontend.document import assets


def test_plotly_is_the_installed_one_and_ends_no_element() -> None:
    assert assets.plotly_text().startswith("/**\n* plotly.js v")
    assert "</script" not in assets.plotly_text().lower()


def test_our_script_imports_nothing() -> None:
    text = assets.script_text()
    assert "import " not in text.replace("important", "")
    assert "\nexport " not in text
    assert "</script" not in text
    assert text.index("const $ =") < text.index("function resolve") < text.index("function pick")


def test_styles_load_nothing() -> None:
    text = assets.style_text() + assets.print_style_text()
    assert "--canvas" in text
    assert "url(" not in text
    assert "@import" not in text


def test_the_policy_names_the_scripts_and_nothing_else() -> None:
    policy = assets.policy(["a()"])
    assert "default-src 'none'" in policy
    assert f"script-src {assets.sha256_source('a()')};" in policy
    assert assets.sha256_source("") == "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
