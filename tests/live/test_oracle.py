"""oracle == plan == real run, on generated policies and trees.

SRT_TEST_SEED reproduces a run; the seed is printed with every failure.
SRT_TEST_POLICIES sets how many (500)."""
import json
import os
import random
import subprocess

from conftest import HELPERS, helper

NAMES = ["a", "b", "c", "d x", "[e]", ".f"]


def make_tree(rng, root):
    """Directories and files below root: path -> 'd' or 'f'."""
    kinds = {root: "d"}
    os.makedirs(root)
    for _ in range(rng.randint(3, 14)):
        parent = rng.choice([p for p, k in kinds.items() if k == "d"])
        path = os.path.join(parent, rng.choice(NAMES))
        if path in kinds or path.count("/") - root.count("/") > 4:
            continue
        if rng.random() < 0.6:
            os.mkdir(path)
            kinds[path] = "d"
        else:
            with open(path, "w", encoding="ascii") as f:
                f.write("x")
            kinds[path] = "f"
    return kinds


def make_policy(rng, root, kinds):
    def entry(path):
        # Written in the ways a person writes a path; always literal for odd names.
        spelled = rng.choice([path, path + "/" if kinds.get(path) == "d" else path,
                              os.path.join(os.path.dirname(path), ".", os.path.basename(path)),
                              os.path.relpath(path, root) if path != root else "."])
        return {"path": spelled, "literal": True} if rng.random() < 0.3 or any(c in path for c in "[") else spelled

    def some(low, high):
        return [entry(rng.choice(sorted(kinds))) for _ in range(rng.randint(low, high))]
    filesystem = {"allowWrite": some(0, 3), "denyWrite": some(0, 2), "denyRead": some(0, 3), "allowRead": some(0, 3)}
    if rng.random() < 0.3:
        filesystem["denyRead"].append(rng.choice(["**/a", "*/b", "a/**/c", "**/[[]e]"]))
    for entries in filesystem.values():
        rng.shuffle(entries)
    return {"filesystem": {k: v for k, v in filesystem.items() if v or rng.random() < 0.5}}


def test_oracle_plan_and_real_run_agree(srt, tmp_path):
    seed = int(os.environ.get("SRT_TEST_SEED", random.randrange(1 << 32)))
    rounds = int(os.environ.get("SRT_TEST_POLICIES", "500"))
    rng = random.Random(seed)
    walk, oracle = helper("static_walk"), helper("oracle")
    differences = []
    for number in range(rounds):
        root = str(tmp_path / f"t{number}")
        kinds = make_tree(rng, root)
        policy = srt.write_policy(make_policy(rng, root, kinds))
        paths = sorted(kinds)
        asked = subprocess.run([oracle, policy, root, srt.dir], input="\n".join(paths + [p + "/srt-probe" for p in paths]) + "\n",
                               capture_output=True, text=True, check=False)
        assert asked.returncode == 0, f"seed {seed} policy {number}: {asked.stderr}"
        said = [line.split() for line in asked.stdout.splitlines()]
        run = subprocess.run([os.path.join(HELPERS, "..", "bin", "srt"), "exec", "--quiet", "--policy", policy, "--", walk],
                             input="".join(kinds[p] + p + "\n" for p in paths), cwd=root, capture_output=True,
                             text=True, check=False, timeout=30, env=srt.environment({"HOME": srt.dir}))
        assert run.returncode == 0, f"seed {seed} policy {number}: {run}"
        for i, (path, line) in enumerate(zip(paths, run.stdout.splitlines())):
            read, write, plan = said[i]
            if kinds[path] == "d":
                write = said[len(paths) + i][1]
                # A name that is refused inside a writable directory is the oracle's alone.
            real = ["allow" if e == "0" else "deny" for e in line.split()]
            planned = {"masked": ["deny", "deny"], "readonly": ["allow", "deny"], "writable": ["allow", "allow"]}[plan]
            if not real == [read, write] == planned:
                differences.append((number, path, line, read, write, plan))
        if differences:
            with open(policy, encoding="utf-8") as f:
                assert not differences, f"seed {seed}: {differences[:5]}\n{json.dumps(json.load(f))}\n{kinds}"
