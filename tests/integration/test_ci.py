"""What docs/ci.md tells people to copy, run with bash as they would, against a live service."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import torch
import yaml
from junitparser import JUnitXml
from safetensors.torch import save_file

from analysis.formats.companions import TRAINING_STATE
from tests.integration.conftest import Deployment
from tests.receiver import Receiver, receiving
from tests.service import model, tensors

DOCS = Path(__file__).parents[2] / "docs"
CI = DOCS / "ci"
POLICY = """
rules:
  - {name: full rank, column: norms.rank_loss, max: 0}
  - {name: no smaller than main, column: norms.stable_rank, aggregate: median, max_regression: "10%", better: higher,
     no_baseline: pass}
"""


@pytest.fixture
def live(deploy: Callable[[str], Deployment]) -> Deployment:
    return deploy("embedded")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a policy, a trained model, and the files that people are told to copy."""
    folder = tmp_path / "repository"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "ci").symlink_to(CI)
    (folder / "eigenscope.yml").write_text(POLICY)
    (folder / "model.safetensors").write_bytes(model())
    return folder


def broken(folder: Path) -> None:
    """The model with a query half of whose outputs are dead."""
    weights = tensors()
    name = "model.layers.1.self_attn.q_proj.weight"
    weights[name][:12] = 0.0
    save_file(weights, folder / "model.safetensors")


def nan(folder: Path) -> None:
    """The model with one weight that is not a number."""
    weights = tensors()
    weights["model.layers.1.self_attn.q_proj.weight"][3, 3] = float("nan")
    save_file(weights, folder / "model.safetensors")


def documented() -> dict[str, Any]:
    """The policy that docs/ci.md shows, with what every small model would break left out."""
    text = re.search(r"```yaml\n(.*?)```", (DOCS / "ci.md").read_text(), re.DOTALL)
    assert text is not None
    policy: dict[str, Any] = yaml.safe_load(text[1])
    policy["rules"] = [rule for rule in policy["rules"] if "max_regression" in rule]
    assert policy["rules"]
    return {**policy, "insufficient": "pass"}


# words of curl's command line that 7.76 does not know: an older one ends with 2 at once
LATER = (
    "--json",
    "--url-query",
    "--rate",
    "--remove-on-error",
    "--no-clobber",
    "--variable",
    "--expand-",
    "--ca-native",
)
OLD_CURL = f"""#!/usr/bin/env bash
for word in "$@"; do
  case "$word" in {"|".join(f"{word}*" for word in LATER)}) echo "curl: option $word: is unknown" >&2; exit 2 ;; esac
done
# before 7.84 no answer to --fail-with-body is tried again
for word in "$@"; do [ "$word" != --fail-with-body ] || set -- "$@" --retry 0; done
exec {shutil.which("curl")} "$@"
"""


@pytest.fixture(autouse=True)
def _old_curl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that people copy is run as by a curl of 2021, which Ubuntu 22.04 and its like have."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "curl").write_text(OLD_CURL)
    (tmp_path / "bin" / "curl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


def bash(script: str, folder: Path, live: Deployment, **environment: str) -> "subprocess.CompletedProcess[str]":
    base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ours = {"EIGENSCOPE_URL": str(live.client.base_url).rstrip("/"), "EIGENSCOPE_TIMEOUT": "60"}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env={**base, **ours, **environment}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def fenced(text: str, mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def test_three_lines_of_curl(live: Deployment, repository: Path) -> None:
    script = fenced((DOCS / "ci.md").read_text(), "curl")
    assert len(script.splitlines()) == 3
    url = f"url={str(live.client.base_url).rstrip('/')}/api/v1\n"
    good = bash(url + script, repository, live)
    assert good.returncode == 0, good.stderr
    broken(repository)
    bad = bash(url + script, repository, live)
    assert bad.returncode == 1, bad.stderr
    told = json.loads((repository / "verdict.json").read_text())
    assert [rule["outcome"] for rule in told["rules"]] == ["fail", "pass", "pass", "pass"]
    assert "there is no baseline yet, so nothing was compared" in told["headline"]
    nan(repository)
    for policy in (POLICY, yaml.safe_dump(documented())):
        (repository / "eigenscope.yml").write_text(policy)
        assert bash(f"{url}baseline=model@main\n{script}", repository, live).returncode == 1
    assert "are NaN or infinite" in (repository / "verdict.json").read_text()
    (repository / "eigenscope.yml").write_text("rules: []")
    assert bash(url + script, repository, live).returncode != 0  # no run: it does not ask for ever


def test_the_badge_of_a_name(live: Deployment, repository: Path) -> None:
    """The documented line, and the image as a forge's proxy fetches it."""
    done = bash("./docs/ci/check.sh model.safetensors model@main", repository, live)
    assert done.returncode == 0, done.stderr
    text = re.search(r"<!-- badge -->\n```sh\n(.*?)```", (DOCS / "ci.md").read_text(), re.DOTALL)
    assert text is not None
    said = bash(f"url=$EIGENSCOPE_URL/api/v1\n{text[1]}", repository, live).stdout.strip()
    found = re.fullmatch(r"!\[eigenscope\]\((.*)\)", said)
    assert found is not None, said
    answer = live.client.get(found[1], headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 200
    assert ">pass<" in answer.text


def test_the_shell_script_compares_a_pull_request_with_main(live: Deployment, repository: Path) -> None:
    script = "bash docs/ci/check.sh model.safetensors"
    first = bash(f"{script} model@pr-1 model@main", repository, live)  # there is no main yet
    assert first.returncode == 0, first.stderr
    assert "there is no baseline yet, so nothing was compared" in first.stdout
    main = bash(f"{script} model@main", repository, live)
    assert main.returncode == 0, main.stderr
    narrower(repository)
    worse = bash(f"{script} model@pr-2 model@main", repository, live)
    assert worse.returncode == 1, worse.stderr
    told = json.loads((repository / "eigenscope.json").read_text())
    assert [rule["outcome"] for rule in told["rules"]] == ["pass", "fail", "pass", "pass"]
    assert told["baseline_run"] is not None
    assert "no smaller than main" in (repository / "eigenscope.md").read_text()
    (suite,) = JUnitXml.fromfile(str(repository / "eigenscope.xml"))
    assert (suite.tests, suite.failures) == (4, 1)


def narrower(folder: Path) -> None:
    """The model with a few directions that rule in each matrix: full rank, and a smaller stable rank."""
    random = torch.Generator().manual_seed(1)
    weights = tensors()
    for name, weight in weights.items():
        if weight.ndim == 2:
            left, right = (torch.randn(size, generator=random) for size in weight.shape)
            weights[name] = weight + 2.0 * torch.outer(left, right)
    save_file(weights, folder / "model.safetensors")


def test_the_shell_script_says_what_went_wrong(live: Deployment, repository: Path) -> None:
    script = "bash docs/ci/check.sh model.safetensors"
    away = bash(script, repository, live, EIGENSCOPE_URL="http://127.0.0.1:1")
    assert (away.returncode, "the upload failed" in away.stderr) == (3, True)
    (repository / "eigenscope.yml").write_text("rules: []")
    wrong = bash(script, repository, live)
    assert (wrong.returncode, "bad-policy" in wrong.stderr) == (2, True)
    (repository / "eigenscope.yml").unlink()
    assert bash(script, repository, live).returncode == 2
    (repository / "eigenscope.yml").write_text(POLICY)
    for without in ("bash docs/ci/check.sh nothing.safetensors", "bash docs/ci/check.sh", f"EIGENSCOPE_URL= {script}"):
        assert bash(without, repository, live).returncode == 2
    (repository / "model.safetensors").write_bytes(b"")
    empty = bash(script, repository, live)
    assert empty.returncode == 3, empty.stderr  # a checkpoint that cannot be read: no policy opens the gate to it
    verdict = repository / "eigenscope.json"
    if verdict.exists():
        assert "the run failed: " in empty.stderr
        assert "insufficient" in verdict.read_text()
    else:  # it was read before the script asked for a run
        assert re.search("the run was refused: .*rejected", empty.stderr), empty.stderr


def answering(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"") -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def check_sh(
    repository: Path, there: Receiver, file: str = "model.safetensors", **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "docs/ci/check.sh", file], cwd=repository, check=False, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "EIGENSCOPE_URL": there.url, **environment}, timeout=60,
    )  # fmt: skip


def test_an_answer_after_a_busy_one_is_the_answer(repository: Path) -> None:
    """The body of the first attempt is not part of the second's, and what is sent again is whole."""
    busy = [True, True]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "HEAD":
            answering(handler, 200)
        elif handler.command == "POST" and busy:
            busy.pop()
            answering(handler, 503, b'{"status": 503, "code": "overloaded"}')
        elif handler.command == "POST":
            answering(handler, 201, b'{"id": 7}')
        else:
            answering(handler, 200, b'{"state": "done", "passed": true, "headline": "open"}')

    with receiving(Receiver(answer)) as there:
        done = check_sh(repository, there)
    assert (done.returncode, done.stdout) == (0, "open\n"), done.stderr
    posts = [each for each in there.heard if each.method == "POST"]
    assert [each.path for each in posts] == ["/api/v1/checkpoints"] * 3 + ["/api/v1/runs"]
    assert posts[0].body == posts[2].body
    assert json.loads(posts[3].body)["checkpoints"] == [7]


TRAINED = ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state_0.pth", "scaler.pt", "random_states_0.pkl")
INDEX = json.dumps({"weight_map": {"a": "m-1-of-2.safetensors", "b": "m-2-of-2.safetensors"}})
SHARDS = ["m-1-of-2.safetensors", "m-2-of-2.safetensors"]


@pytest.mark.parametrize(
    ("file", "sent", "left"),
    [
        ("out [1]/model{a,b}.safetensors", ["model{a,b}.safetensors"], ["notes.txt"]),
        ("step-8", ["__0_0.distcp", ".metadata"], ["notes.txt"]),
        ("torch", ["pytorch_model.bin", "config.json"], TRAINED),
        ("adapter", ["adapter_model.bin", "adapter_config.json"], TRAINED),
        ("shards", ["m.safetensors.index.json", *SHARDS, "config.json"], ["consolidated.safetensors", *TRAINED]),
        ("old index", ["other.safetensors"], ["m.safetensors.index.json", "optimizer.safetensors"]),
        ("no index", ["a.safetensors", "b.safetensors"], ["pytorch_model.bin", "pytorch_model.bin.index.json"]),
    ],
)
def test_which_files_are_sent(file: str, sent: list[str], left: list[str], repository: Path) -> None:
    """Of a folder its weights and what describes them, once; and names that curl would take for a range or a list."""
    folder = (repository / file).parent if file.endswith(".safetensors") else repository / file
    folder.mkdir()
    for name in (*sent, *left):
        (folder / name).write_text(INDEX if name.endswith(".index.json") else "x")

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "GET":
            answering(handler, 200, b'{"state": "done", "passed": true, "headline": "open"}')
        else:
            answering(handler, 404 if handler.command == "HEAD" else 201, b'{"id": 7}')

    with receiving(Receiver(answer)) as there:
        done = check_sh(repository, there, file)
    assert done.returncode == 0, done.stderr
    names = [unquote(each.path.partition("filename=")[2]) for each in there.heard if each.method == "PUT"]
    assert names == sent


def test_the_shell_script_knows_what_a_training_leaves() -> None:
    """The same files as the page, the sources and the command line leave out."""
    script = (DOCS / "ci" / "check.sh").read_text()
    listed = script[script.index("is_state() {") :].partition("esac")[0]
    assert set(re.findall(r"(?<= )[a-z_*.]+(?= \||\))", listed)) == {*TRAINING_STATE, "*"}


def test_what_answers_is_no_service(repository: Path) -> None:
    with receiving(Receiver(200, body=b"<html>Sign in</html>")) as there:
        done = check_sh(repository, there)
    assert (done.returncode, "this is no answer of Eigenscope: <html>Sign in" in done.stderr) == (3, True)


def test_time_is_looked_at_in_every_step(repository: Path) -> None:
    """A service that takes the bytes and says nothing, or that never ends the run."""
    for silent in ("PUT", "GET"):

        def answer(handler: BaseHTTPRequestHandler, silent: str = silent) -> None:
            if handler.command == silent:
                time.sleep(4)
            else:
                answering(handler, 404 if handler.command == "HEAD" else 201, b'{"id": 7}')

        with receiving(Receiver(answer)) as there:
            start = time.monotonic()
            done = check_sh(repository, there, EIGENSCOPE_TIMEOUT="2")
        assert (done.returncode, "no verdict in time" in done.stderr) == (4, True), done.stderr
        assert time.monotonic() - start < 3.9


def test_an_earlier_verdict_is_not_this_one(repository: Path) -> None:
    """Two models in one job: where the second cannot be asked about, the first one's files are not its own."""
    for name in ("json", "xml", "md"):
        (repository / f"eigenscope.{name}").write_text("old")
    done = subprocess.run(["bash", "docs/ci/check.sh", "gone.safetensors"], cwd=repository, check=False)
    assert done.returncode == 2
    assert not list(repository.glob("eigenscope.[jxm]*"))


def knows_the_bytes_and_refuses(asked: BaseHTTPRequestHandler) -> None:
    body = b"" if asked.command == "HEAD" else b'{"status": 400, "code": "bad-upload"}'
    asked.send_response(200 if asked.command == "HEAD" else 400)
    asked.send_header("Content-Length", str(len(body)))
    asked.end_headers()
    asked.wfile.write(body)


def test_the_key_is_of_the_whole_request_and_no_two_runs_share_it(repository: Path) -> None:
    def key(*names: str, **environment: str) -> str:
        with receiving(Receiver(knows_the_bytes_and_refuses)) as there:
            done = subprocess.run(
                ["bash", "docs/ci/check.sh", "model.safetensors", *names], cwd=repository, check=False,
                env={"PATH": os.environ["PATH"], "EIGENSCOPE_URL": there.url, **environment}, capture_output=True,
            )  # fmt: skip
        assert done.returncode == 2, done.stderr
        return next(each.headers["Idempotency-Key"] for each in there.heard if "Idempotency-Key" in each.headers)

    whole, run = key("a", "b", CI_RUN="7").split("-", 1)
    assert run == "7-upload"
    assert key("a", "b", CI_RUN="7").startswith(whole)
    assert not key("a", "c", CI_RUN="7").startswith(whole)
    assert not key("c", "b", CI_RUN="7").startswith(whole)
    assert key("a", "b").startswith(whole)
    assert len(key("a", "b").split("-")[1]) == 32  # random: a process's number repeats in containers
    assert key("a", "b") != key("a", "b")


def test_the_gitlab_job_in_a_fork(repository: Path, live: Deployment) -> None:
    """A fork's pipeline runs in the fork's project, which has no variables of ours."""
    job: dict[str, Any] = yaml.safe_load((CI / "gitlab-ci.yml").read_text())["eigenscope"]
    fork = {"CI_PROJECT_ID": "10", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "10", "CI_MERGE_REQUEST_PROJECT_ID": "1"}
    script = "set -e\n" + "\n".join(job["script"])
    done = bash(script, repository, live, EIGENSCOPE_URL="", CI_MERGE_REQUEST_IID="3", **fork)
    assert (done.returncode, "A merge request from a fork has no access" in done.stdout) == (0, True), done.stderr


def test_the_gitlab_job(live: Deployment, repository: Path) -> None:
    job: dict[str, Any] = yaml.safe_load((CI / "gitlab-ci.yml").read_text())["eigenscope"]
    script = "set -e\n" + "\n".join(job["script"])
    branch = {"CI_DEFAULT_BRANCH": "main", "CI_JOB_ID": "7"}
    main = bash(script, repository, live, CI_COMMIT_REF_NAME="main", **branch)
    assert main.returncode == 0, main.stderr
    narrower(repository)
    other = bash(script, repository, live, CI_COMMIT_REF_NAME="wide/layers #2", **branch)
    assert other.returncode == 1, other.stderr
    for name in (*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]):
        assert (repository / name).is_file()


def steps(action: dict[str, Any], inputs: dict[str, str], folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The steps of a composite action with their expressions worked out."""
    known = {
        "github.action_path": str(folder / "docs" / "ci" / "github"),
        "github.run_id": "1",
        "github.run_attempt": "1",
        "github.event.pull_request.number": inputs.get("pull", ""),
        "github.event.pull_request.head.repo.full_name": inputs.get("head", ""),
    }
    known |= {
        f"inputs.{name}": inputs.get(name, str(said.get("default", ""))) for name, said in action["inputs"].items()
    }

    def worked_out(text: str) -> str:
        return re.sub(r"\$\{\{ *([a-z_.]+) *\}\}", lambda found: known[found[1]], text)

    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # no expression in a script: a branch's name would be run
        yield "set -eo pipefail\n" + step["run"], {name: worked_out(value) for name, value in step["env"].items()}


def test_the_github_action(live: Deployment, repository: Path) -> None:
    action = yaml.safe_load((CI / "github" / "action.yml").read_text())
    inputs = {"url": str(live.client.base_url), "file": "model.safetensors", "name": 'x"; exit 0; "', "baseline": ""}
    files = {"GITHUB_STEP_SUMMARY": str(repository / "summary"), "GITHUB_OUTPUT": str(repository / "output")}
    for damage, status, passed in ((None, 0, "true"), (broken, 1, "false")):
        if damage is not None:
            damage(repository)
        for script, environment in steps(action, inputs, repository):
            done = bash(script, repository, live, **environment, **files)
            assert done.returncode == status, done.stderr
        assert f"passed={passed}" in (repository / "output").read_text().splitlines()
    assert "### ❌" in (repository / "summary").read_text()
    assert live.get("checkpoints/1")["name"] == inputs["name"]


def test_the_github_action_says_what_became_of_it(live: Deployment, repository: Path) -> None:
    action = yaml.safe_load((CI / "github" / "action.yml").read_text())
    files = {"GITHUB_STEP_SUMMARY": str(repository / "summary"), "GITHUB_OUTPUT": str(repository / "output")}
    files |= {"GITHUB_REPOSITORY": "ours/model", "GITHUB_ACTOR": "somebody"}
    inputs = {"url": str(live.client.base_url), "file": "model.safetensors", "name": "model@pr-1", "baseline": ""}
    for more, status, summary, output in (
        (
            {"pull": "1", "head": "other/model"},
            0,
            "skipped. A pull request from a fork has no access",
            "verdict=skipped",
        ),
        ({"pull": "1", "head": ""}, 0, "skipped. A pull request from a fork has no access", "verdict=skipped"),
        ({"file": "nothing.safetensors"}, 2, "FILE cannot be read: nothing.safetensors", ""),
        ({"url": "http://127.0.0.1:1"}, 3, "the upload failed", ""),
        ({"pull": "1", "head": "ours/model"}, 0, "model@pr-1: The gate is open", "verdict=pass"),
        ({"file": "nothing.safetensors"}, 2, "FILE cannot be read: nothing.safetensors", ""),
    ):
        for name in ("summary", "output"):
            (repository / name).unlink(missing_ok=True)
        for script, environment in steps(action, {**inputs, **more}, repository):
            done = bash(script, repository, live, **environment, **files)
            assert done.returncode == status, done.stderr
        assert summary in (repository / "summary").read_text()
        told = (repository / "output").read_text() if (repository / "output").exists() else ""
        assert (output in told) if output else not told
    name = action["inputs"]["name"]["default"]
    assert "github.head_ref && format('model@pr-{0}', github.event.number)" in name  # never a fork's main


def test_the_shell_script_sends_shards_and_an_adapter_with_its_base(live: Deployment, repository: Path) -> None:
    """No byte twice: what the service has is found by its digest."""
    weights = tensors()
    (repository / "shards").mkdir()
    for number, names in enumerate((list(weights)[::2], list(weights)[1::2]), 1):
        shard = repository / "shards" / f"model-{number:05}-of-00002.safetensors"
        save_file({name: weights[name] for name in names}, shard)
    out = {"EIGENSCOPE_OUT": "results/of/the gate"}
    for file in ("shards", "shards/model-*.safetensors"):
        done = bash(f"bash docs/ci/check.sh '{file}' sharded", repository, live, **out)
        assert done.returncode == 0, done.stderr
    assert len(live.get("checkpoints/1")["files"]) == 2
    assert "sharded: The gate is open" in (repository / "results/of/the gate/eigenscope.md").read_text()
    made = bash("bash docs/ci/check.sh model.safetensors tuned", repository, live, EIGENSCOPE_BASE="shards",
                EIGENSCOPE_URL=f"{str(live.client.base_url).rstrip('/')}/api/v1/")  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert len(live.get("runs/3")["checkpoints"]) == 2


def test_the_command_line_by_a_service(live: Deployment, repository: Path, tmp_path: Path) -> None:
    server = str(live.client.base_url)
    command = [sys.executable, "-c", "from app.cli.main import main; main()", "check", "model.safetensors"]
    command += ["--policy", "eigenscope.yml", "--server", server, "--json"]

    def check(*more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*command, *more], cwd=repository, env={**os.environ, "PYTHONPATH": str(DOCS.parent)}, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip

    good = check("--name", "model@main", "--junit", str(tmp_path / "junit.xml"))
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["verdict"] == "pass"
    assert JUnitXml.fromfile(str(tmp_path / "junit.xml")).failures == 0
    narrower(repository)
    worse = check("--baseline", "model@main")
    assert worse.returncode == 1, worse.stderr
    assert check("--baseline", "1").returncode == 1
    first = check("--baseline", "nobody")
    assert (first.returncode, "nothing was compared" in first.stdout) == (0, True)
    assert check("--baseline", "9999").returncode == 2
    report = tmp_path / "main.json"
    report.write_text(json.dumps(live.get("runs/1/report")))
    assert check("--baseline", str(report)).returncode == 1
    sent = subprocess.run(
        [*command[:3], "upload", "model.safetensors", "--server", server, "--wait", "--json"], cwd=repository,
        env={**os.environ, "PYTHONPATH": str(DOCS.parent)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert json.loads(sent.stdout)["run"]["state"] == "done", sent.stderr
    (repository / "model.safetensors").write_bytes(b"no checkpoint")
    assert check().returncode == 3  # read by nobody


def test_the_lines_of_the_other_pages(live: Deployment, repository: Path) -> None:
    """In a new service, whose first checkpoint and run are number 1."""
    pages = {"docs/api.md": "curl -X POST -T", "README.md": "curl -sf -X POST -T", "docs/uploads.md": "curl -sfI"}
    for page, start in pages.items():
        blocks = re.findall(r"```sh\n(.*?)```", (DOCS.parent / page).read_text(), re.DOTALL)
        (script,) = [block for block in blocks if start in block][:1]
        script = re.sub(r"^url=.*\n", "", script, flags=re.MULTILINE)
        done = bash(f"set -e\nurl=$EIGENSCOPE_URL/api/v1\n{script}", repository, live)
        assert done.returncode == 0, (page, done.stderr)
        assert "HTTP" not in done.stderr
    report = json.loads((repository / "report.json").read_text())
    assert report["tables"]["esd"]
    assert live.get("checkpoints/3")["name"] == "run 7"
