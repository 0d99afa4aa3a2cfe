"""Callables of the user's own code, found by name."""

import pytest

from trivet.errors import UsageError
from trivet.work.own_code import load_callable


def test_a_dotted_path_within_a_module():
    assert load_callable("os.path:join", role="mechanism") is __import__("os").path.join


@pytest.mark.parametrize("name", ["os.path", "os path:join", ":join", "os:", "os:path.join()", "../os:x"])
def test_another_form_is_refused_without_an_import(name):
    with pytest.raises(UsageError, match=r"the mechanism .*; expected package\.module:function"):
        load_callable(name, role="mechanism")


def test_the_role_is_named(tmp_path, monkeypatch):
    (tmp_path / "own_mechanism.py").write_text("number = 3", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="the estimator 'own_mechanism:number' is a int"):
        load_callable("own_mechanism:number", role="estimator")
