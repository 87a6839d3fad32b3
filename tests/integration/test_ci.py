"""What docs/ci.md tells people to copy, run with bash as they would, against a live service."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from junitparser import JUnitXml
from safetensors.torch import save_file

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
    assert "the run failed: " in empty.stderr
    assert "insufficient" in (repository / "eigenscope.json").read_text()


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
        "github.event.pull_request.head.repo.fork": inputs.get("fork", ""),
    }
    known |= {
        f"inputs.{name}": inputs.get(name, str(said.get("default", ""))) for name, said in action["inputs"].items()
    }

    def worked_out(text: str) -> str:
        return re.sub(r"\$\{\{ *([a-z_.]+) *\}\}", lambda found: known[found[1]], text)

    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # no expression in a script: a branch's name would be run
        yield step["run"], {name: worked_out(value) for name, value in step["env"].items()}


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
    inputs = {"url": str(live.client.base_url), "file": "model.safetensors", "name": "model@pr-1", "baseline": ""}
    for more, status, summary, output in (
        ({"fork": "true"}, 0, "skipped. A pull request from a fork has no access to the token.", "verdict=skipped"),
        ({"file": "nothing.safetensors"}, 2, "FILE cannot be read: nothing.safetensors", ""),
        ({"url": "http://127.0.0.1:1"}, 3, "the upload failed", ""),
    ):
        for name in ("summary", "output"):
            (repository / name).unlink(missing_ok=True)
        for script, environment in steps(action, {**inputs, **more}, repository):
            done = bash(script, repository, live, **environment, **files)
            assert done.returncode == status, done.stderr
        assert summary in (repository / "summary").read_text()
        assert output in ((repository / "output").read_text() if output else "")
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
    (repository / "model.safetensors").write_bytes(b"no checkpoint")
    assert check().returncode == 3  # read by nobody
