"""What the readings found about the policy: what one run may do to the next one's sandbox,
and rules that were not what they said.  Each with its permitted twin."""
import json
import os
import shutil
import subprocess

import pytest

from conftest import SRT, wait_until  # noqa: F401


def write(root, *more):
    """Allows writing below root."""
    return {"filesystem": {"allowWrite": [str(root), *map(str, more)]}}


@pytest.fixture
def tool(tmp_path):
    """A whole srt in a directory of the user's."""
    top = tmp_path / "tool"
    for part in ("bin", "lib"):
        shutil.copytree(os.path.join(os.path.dirname(os.path.dirname(SRT)), part), top / part)
    return top


def start(argv, home, cwd=None, **env):
    """Any command line, with a home directory of the test's; text of both streams."""
    whole = {k: v for k, v in os.environ.items() if not k.startswith("SRT_")}
    return subprocess.run([str(a) for a in argv], env={**whole, "HOME": str(home), **env}, cwd=cwd, check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


REPLACE = "echo x > '{0}'; rm -f '{0}'; mv '{0}' '{0}.old'; ln -sf /etc/passwd '{0}'; echo done > '{1}'"


def replace(path, done):
    """A shell line that tries to change the file, and then writes the twin."""
    return ["sh", "-c", REPLACE.format(path, done)]


# ---- what chooses the next run's sandbox ----

@pytest.mark.parametrize("linked", [False, True])
def test_bwrap_in_a_writable_root(srt, project, linked):
    """A5: the next run would execute it outside."""
    shutil.copy("/usr/bin/bwrap", project / "bwrap")
    named = project / "bwrap"
    if linked:
        named = project / "link"
        named.symlink_to("bwrap")
    before = (project / "bwrap").read_bytes()
    r = srt.run(replace(named, project / "new"), {**write(project), "bwrapPath": str(named)})
    assert (project / "bwrap").read_bytes() == before and (project / "new").exists(), r
    assert os.path.islink(named) == linked and not os.path.lexists(f"{named}.old"), r


@pytest.mark.parametrize("how", ["option", "environment"])
def test_relative_policy_with_another_working_directory(srt, project, tmp_path, how):
    """A6: it is relative to where srt was started."""
    policy = {"filesystem": {"allowWrite": [str(project), str(tmp_path / "outside")]}}
    (project / "p.json").write_text(json.dumps(policy))
    named = ["--policy", "p.json"] if how == "option" else []
    r = start([SRT, "exec", *named, "--cwd", tmp_path / "outside", "--", *replace(project / "p.json", project / "new")],
              tmp_path, cwd=project, **({} if named else {"SRT_POLICY": "p.json"}))
    assert json.loads((project / "p.json").read_text()) == policy and (project / "new").exists(), r


def test_policy_by_a_link(srt, project, tmp_path):
    """A6: the link chooses the policy as well."""
    policy = tmp_path / "outside/p.json"
    policy.write_text(json.dumps(write(project)))
    (project / "p.json").symlink_to(policy)
    r = start([SRT, "exec", "--policy", project / "p.json", "--", *replace(project / "p.json", project / "new")], tmp_path)
    assert os.readlink(project / "p.json") == str(policy) and (project / "new").exists(), r


@pytest.mark.parametrize("linked", [False, True])
def test_settings_of_the_home_directory(srt, project, linked):
    """A7: they choose the next run's sandbox, whatever policy this one has."""
    settings = project / ".srt-settings.json"
    real = project / "elsewhere.json" if linked else settings
    real.write_text("{}")
    if linked:
        settings.symlink_to(real)
    r = srt.run(replace(settings, project / "new"), write(project), env={"HOME": str(project)})
    assert settings.read_text() == "{}" and settings.is_symlink() == linked and (project / "new").exists(), r
    assert not any("srt-settings" in w for w in r.events[0]["weakenings"]), r


def test_absent_settings_of_the_home_directory(srt, project):
    """A7: not guarded yet, and said; where the command cannot make them, not."""
    r = srt.run(["true"], write(project), env={"HOME": str(project)})
    assert any("srt-settings" in w for w in r.events[0]["weakenings"]), r
    r = srt.run(["true"], write(project), env={"HOME": str(project.parent)})
    assert not any("srt-settings" in w for w in r.events[0]["weakenings"]), r


@pytest.mark.parametrize("how", ["slash", "path"])
def test_link_by_which_srt_was_started(srt, tool, project, tmp_path, how):
    """A22: bin/srt -> .../srt in a writable root."""
    (project / "bin").mkdir()
    (project / "bin/srt").symlink_to(tool / "bin/srt")
    words = [project / "bin/srt"] if how == "slash" else ["env", "srt"]
    r = start([*words, "exec", "--allow-write", project, "--", *replace(project / "bin/srt", project / "new")], tmp_path,
              PATH=f"{project}/bin:{os.environ['PATH']}")
    assert os.readlink(project / "bin/srt") == str(tool / "bin/srt") and (project / "new").exists(), r
