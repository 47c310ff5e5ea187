"""A5 61: ordinary programs in a writable project give no `refused` event but those
of this reviewed list; and they work."""
import os

import pytest

from conftest import need

# What programs try outside their project on their own; reviewed.
REVIEWED = ("/hsperfdata_", "/.npm", "/.cache", "/.config", "/.java", "/.viminfo", "/.bash_history", "/__pycache__")

WORK = {
    "git": "git init -q g && cd g && git config user.email a@b && git config user.name a && echo x > f && git add f && "
           "git commit -qm one && git checkout -qb b && echo y >> f && git commit -qam two && git checkout -q - && git merge -q b && "
           "git stash list && git worktree add -q ../w b 2>/dev/null; git log --oneline | wc -l",
    "python": "/usr/bin/python3 -m venv --without-pip v && v/bin/python -c \"import json,ssl,sqlite3,multiprocessing as m; "
              "p=m.Pool(2); print(sum(p.map(abs,[1,2]))); d=sqlite3.connect('d'); d.execute('create table t(a)'); d.commit()\"",
    "pytest": "printf 'def test_a(tmp_path): (tmp_path/\"x\").write_text(\"1\")\\n' > test_a.py && unset PYTEST_DEBUG_TEMPROOT; /usr/bin/python3 -m pytest -q test_a.py",
    "node": "node -e \"require('fs').writeFileSync('n','1'); require('child_process').execSync('true'); "
            "new (require('worker_threads').Worker)('1', {eval:true}); console.log('ok')\"",
    "npm": "export npm_config_update_notifier=false; npm init -y >/dev/null && npm pkg get name && npm run 2>&1 | head -1; ls package.json",
    "gcc": "printf 'int main(void){return 0;}\\n' > a.c && gcc -O2 -g -flto a.c -o a && ./a && make -f /dev/null 2>&1 | head -1; ls a",
    "bash": "for i in 1 2 3; do (echo $i | cat > f$i) & done; wait; cat <<< here <(echo sub); ls f1",
    "vim": "echo text > t && vi -u NONE -i NONE -n -es -c '%s/text/new/' -c wq t; cat t",
    "java": "printf 'class A{public static void main(String[] a){System.out.println(1);}}\\n' > A.java && javac A.java && java A",
}


@pytest.mark.parametrize("name", WORK)
def test_no_refusal(srt, project, name):
    tool = {"python": "/usr/bin/python3", "pytest": "/usr/bin/python3", "vim": "vi"}.get(name, name)
    if name == "java" and not os.path.exists("/usr/bin/javac"):
        pytest.skip("needs javac")
    need(tool)
    r = srt.run(["bash", "-c", WORK[name]], {"filesystem": {"allowWrite": [str(project)]}}, cwd=str(project),
                env={"HOME": str(project.parent), "GIT_CONFIG_NOSYSTEM": "1"}, timeout=120)
    assert r.code == 0 and r.out.strip(), r
    left = [v for v in r.violations if not any(word in v["target"] for word in REVIEWED)]
    assert not left, f"{left}\n{r}"
