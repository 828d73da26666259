#!/usr/bin/env python3
"""Runs what a workflow of .github/workflows runs, on this machine: its steps in order, with a runner's variables.

    workflow.py triggered TAG               the workflows that a push of TAG starts
    workflow.py check                       each step is a verb of unikctl or a known action; each matrix has all runtimes;
                                            .ci/programs installs what the verbs and the runtimes run
    workflow.py run FILE TAG [RUNTIME...]   runs its steps in the current directory, a checkout; with RUNTIMEs for the matrix

Knows only what the workflows here use, and fails on anything else. Actions are passed over: a checkout is there, and
unikctl is on the PATH.
"""
import os
import pathlib
import re
import subprocess
import sys

import yaml

root = pathlib.Path(__file__).resolve().parents[2]
workflows = root / ".github/workflows"
runtime_workflows = ["build-runtimes", "publish-runtimes", "release-runtime", "release", "runtime-quality"]
actions = {"actions/checkout@v4", "./.github/actions/unikctl"}


def fail(message):
    sys.exit(f"error: {message}")


def load(name):
    document = yaml.safe_load((workflows / name).read_text())
    document["on"] = document.pop(True)  # YAML 1.1 reads `on` as a boolean
    return document


def matches(pattern, tag):
    """GitHub's filter patterns, as far as they are used here: `*` is anything but a slash, `[…]` one of a class."""
    parts = re.split(r"(\*|\[[^]]*\])", pattern)
    text = "".join("[^/]*" if part == "*" else part if part.startswith("[") else re.escape(part) for part in parts)
    return re.fullmatch(text, tag) is not None


def triggered(tag):
    for name in runtime_workflows:
        push = load(name + ".yml")["on"].get("push") or {}
        if any(matches(pattern, tag) for pattern in push.get("tags", [])):
            print(name + ".yml")


def steps_of(document):
    return [step for job in document["jobs"].values() for step in job.get("steps", [])]


def installed_programs():
    """What .ci/programs installs for them, unless it is there."""
    if '"${runtime_packages[@]}"' not in (root / ".ci/programs").read_text():
        fail(".ci/programs: want it to install runtime_packages")
    command = '. .ci/packages.sh && printf "%s\\n" "${runtime_programs[@]%%:*}"'
    return subprocess.run(["bash", "-c", command], cwd=root, check=True, capture_output=True, text=True).stdout.split()


def needed_programs():
    """Programs that the workflows run by way of unikctl, each with who needs it."""
    needed = {}
    for name in runtime_workflows:
        for step in steps_of(load(name + ".yml")):
            if "GH_TOKEN" in step.get("env", {}):
                needed.setdefault("gh", f"{name}.yml: `{step['run']}`")
    for path in sorted(root.glob("runtimes/*/unik.yaml")):
        recipe = yaml.safe_load(path.read_text())
        parts = recipe.get("packages", {}), recipe.get("check", {})
        if any("npm" in part for part in parts):
            needed.setdefault("npm", str(path))
        for words in recipe.get("check", {}).get("prepare", []):
            if "/" not in words[0]:
                needed.setdefault(words[0], str(path))
    return needed


def check():
    there = installed_programs()
    for program, who in needed_programs().items():
        if program not in there:
            fail(f"{who} runs {program}: want it in runtime_programs of .ci/packages.sh, found {', '.join(there)}")
    sources = sorted(path.parent.name for path in root.glob("runtimes/*/manifest.yaml") if path.parent.name != "base")
    for name in runtime_workflows:
        document = load(name + ".yml")
        if document["name"] != name:
            fail(f"{name}.yml: want name {name}, got {document['name']}")
        for job in document["jobs"].values():
            listed = job.get("strategy", {}).get("matrix", {}).get("runtime")
            if listed is not None and listed != sources:
                fail(f"{name}.yml: want the matrix {sources}, as runtimes/ has them, got {listed}")
        for step in steps_of(document):
            if "run" not in step and step["uses"] not in actions:
                fail(f"{name}.yml: {step['uses']} is an action that this test does not know")
            for command in re.split(r"&&|\n", step.get("run", "")):
                if command.strip() and not command.strip().startswith("unikctl "):
                    fail(f"{name}.yml: want verbs of unikctl, got `{command.strip()}`")


def evaluate(text, values):
    def value(match):
        name = match.group(1).strip()
        if name not in values:
            fail(f"the expression {name} is not known here")
        return values[name]

    return re.sub(r"\$\{\{(.*?)\}\}", value, str(text))


def run_step(step, environment, values):
    if "run" not in step:
        return
    command = evaluate(step["run"], values)
    print("$ " + command, flush=True)
    environment = environment | {key: evaluate(text, values) for key, text in step.get("env", {}).items()}
    code = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command], env=environment).returncode
    if code != 0 and not step.get("continue-on-error"):
        fail(f"`{command}` exited with {code}")


def run(name, tag, runtimes, inputs=None):
    for job in load(name)["jobs"].values():
        matrix = runtimes if "matrix" in job.get("strategy", {}) else [""]
        for runtime in matrix:
            values = {
                "matrix.runtime": runtime,
                "github.ref_name": tag,
                "github.token": "a token",
                "vars.RUNTIMES_PUBLIC_KEY": os.environ.get("RUNTIMES_PUBLIC_KEY", ""),
            } | {"inputs." + key: text for key, text in (inputs or {}).items()}
            if "uses" in job:
                given = {key: evaluate(text, values) for key, text in job["with"].items()}
                run(pathlib.Path(job["uses"]).name, tag, runtimes, given)
                continue
            environment = dict(os.environ) | {key: evaluate(text, values) for key, text in job.get("env", {}).items()}
            for step in job["steps"]:
                run_step(step, environment, values)


match sys.argv[1:]:
    case ["triggered", tag]:
        triggered(tag)
    case ["check"]:
        check()
    case ["run", name, tag, *runtimes]:
        run(name, tag, runtimes)
    case _:
        sys.exit(__doc__)
