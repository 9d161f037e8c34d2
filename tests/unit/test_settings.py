"""Where settings come from, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccx_orchestrator.settings import BadSettings, load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory and a user's folder of this test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ccx.toml").write_text(text)


def test_a_file_in_the_current_directory_counts_only_where_it_is_asked_for(elsewhere: Path) -> None:
    write(elsewhere, 'slaves = ["http://stranger:8700"]\njoin_token = "secret"\n')
    assert load_settings().slaves == ()
    assert load_settings().secret("join_token") is None
    assert load_settings(in_current_directory=True).slaves == ("http://stranger:8700",)


def test_the_users_own_file_counts_everywhere_and_the_current_directory_goes_first(elsewhere: Path) -> None:
    write(elsewhere.parent / "config" / "ccx", "port = 8801\nqueue_bound = 7\n")
    write(elsewhere, "port = 8802\n")
    assert (load_settings().port, load_settings().queue_bound) == (8801, 7)
    served = load_settings(in_current_directory=True)
    assert (served.port, served.queue_bound) == (8802, 7)


def test_the_environment_goes_before_the_file_and_what_is_given_before_both(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(elsewhere, "port = 8802\n")
    monkeypatch.setenv("CCX_PORT", "8803")
    assert load_settings(in_current_directory=True).port == 8803
    assert load_settings(in_current_directory=True, port=8804).port == 8804


def test_a_misspelt_setting_in_a_file_is_refused_with_the_right_one(elsewhere: Path) -> None:
    write(elsewhere, "prot = 8811\n")
    with pytest.raises(BadSettings, match=r"no setting 'prot' .*Did you mean port\?"):
        load_settings(in_current_directory=True)


def test_a_misspelt_setting_in_the_environment_is_refused_with_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCX_JOIN_TOKN", "secret")
    with pytest.raises(BadSettings, match=r"no setting CCX_JOIN_TOKN\. Did you mean CCX_JOIN_TOKEN\?") as refused:
        load_settings()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["CCX_SERVER", "CCX_DOCKER_GROUP", "CCX_PUBLISH", "CCX_CHAOS_SECONDS"])
def test_variables_of_others_are_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    load_settings()


def test_a_file_that_is_named_is_the_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ccx.toml").write_text('name = "here"\nport = 1\n')
    (tmp_path / "other.toml").write_text('name = "other"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCX_CONFIG", "other.toml")
    settings = load_settings(in_current_directory=True)
    assert (settings.name, settings.port) == ("other", 8700)
    monkeypatch.setenv("CCX_CONFIG", "gone.toml")
    with pytest.raises(BadSettings, match=r"There is no file 'gone\.toml', which --config or CCX_CONFIG names"):
        load_settings()


def test_limits_of_languages_come_from_the_file_and_the_environment(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "ccx.toml").write_text("[limits.java]\nhighest = { processes = 2048 }\n")
    assert load_settings(in_current_directory=True).limits["java"].highest.processes == 2048
    monkeypatch.setenv("CCX_LIMITS", '{"c": {"default": {"cpu_seconds": 1.5}}}')
    assert load_settings().limits["c"].default.cpu_seconds == 1.5
    monkeypatch.setenv("CCX_LIMITS", '{"c": {"usual": {}}}')
    with pytest.raises(BadSettings, match="'limits'"):
        load_settings()


def test_secrets_come_from_files_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (
        ("token", "t\n"),
        ("secret", "s\n"),
        ("database", "postgresql://u:p@h/d\n"),
        ("other", "mysql://\n"),
    ):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("CCX_JOIN_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("CCX_CALLBACK_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("CCX_DATABASE_URL_FILE", str(tmp_path / "database"))
    settings = load_settings()
    assert (settings.secret("join_token"), settings.secret("callback_secret")) == ("t", "s")
    assert settings.database() == "postgresql://u:p@h/d"
    monkeypatch.setenv("CCX_DATABASE_URL_FILE", str(tmp_path / "other"))
    with pytest.raises(BadSettings, match="begins with postgresql://"):
        load_settings().database()
    monkeypatch.setenv("CCX_CALLBACK_SECRET_FILE", str(tmp_path / "none"))
    with pytest.raises(BadSettings, match=r"'callback_secret_file'.*No such file"):
        load_settings().secret("callback_secret")


def test_a_setting_of_an_earlier_version_says_what_to_do_instead(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(elsewhere, 'cluster_token = "secret"\n')
    with pytest.raises(BadSettings, match=r"'cluster_token' any more.*ccx cluster init"):
        load_settings(in_current_directory=True)
    monkeypatch.setenv("CCX_CLUSTER_TOKEN", "secret")
    with pytest.raises(BadSettings, match=r"CCX_CLUSTER_TOKEN any more.*ccx cluster join-command"):
        load_settings()
