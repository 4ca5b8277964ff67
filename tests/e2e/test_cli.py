"""The command line by itself: help, completion, files, and what it prints to terminals and to programs."""
import json
import subprocess

import pytest

from harness.terminal import Terminal


def verbs(bin_dir):
    """Every verb that the overview lists."""
    text = subprocess.run([bin_dir / "fulcrum", "--help"], capture_output=True, text=True, check=True).stdout
    lines = [line for line in text.splitlines() if line.startswith("  ") and not line.startswith("  fulcrum")]
    return [" ".join(word for word in line[2:22].split()) for line in lines]


def test_every_verb_has_help(bin_dir):
    found = verbs(bin_dir)
    assert {"run", "apply", "up", "down", "logs", "exec", "cp", "image pull", "volume create", "network connect"} <= set(found)
    for verb in found:
        done = subprocess.run([bin_dir / "fulcrum", *verb.split(), "--help"], capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == "" and f"Usage: fulcrum {verb}" in done.stdout, verb


def test_wrong_use_is_told_with_a_status_of_its_own(bin_dir):
    run = lambda *args: subprocess.run([bin_dir / "fulcrum", "--socket", "/nonexistent/socket", *args], capture_output=True, text=True)
    assert run("no-such-verb").returncode == 2
    assert run("ls", "--no-such-flag").returncode == 2
    assert run("run").returncode == 125
    done = run("ls")
    assert done.returncode == 1 and "/nonexistent/socket" in done.stderr and "fulcrumd" in done.stderr


@pytest.mark.parametrize("words,wanted", [(["ru"], "run"), (["image", "pu"], "pull"), (["run", "--memory-r"], "--memory-reservation")])
def test_bash_completes_verbs_and_flags(bin_dir, words, wanted):
    script = f"""
source <({bin_dir}/fulcrum completion bash)
COMP_WORDS=(fulcrum {' '.join(words)}); COMP_CWORD={len(words)}
_fulcrum; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert wanted in done.stdout.split()


def test_validate_names_every_mistake_without_an_engine(bin_dir, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("name: a b\nimage: x\nresources: {memory: 12Q}\ncolour: red\n")
    done = subprocess.run([bin_dir / "fulcrum", "validate", file], capture_output=True, text=True)
    assert done.returncode == 1
    assert all(part in done.stderr for part in ("name:", 'resources.memory: "12Q" is not a size', "colour: unknown field"))
    schema = json.loads(subprocess.run([bin_dir / "fulcrum", "schema"], capture_output=True, check=True).stdout)
    assert "resources" in schema["$defs"]["Workload"]["properties"]


def test_lists_are_aligned_coloured_on_terminals_and_json_for_programs(box):
    box.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    plain = box.ok("ls")
    head, row = plain.splitlines()
    assert "\x1b" not in plain and row[head.index("STATE"):].startswith("running")
    with Terminal(box.command("ls"), env={**box.env, "TERM": "xterm"}) as terminal:
        seen = terminal.expect("running")
        assert "\x1b[32m" in seen
        terminal.wait()
    for words in (["ls"], ["image", "ls"], ["volume", "ls"], ["network", "ls"], ["info"], ["capabilities"], ["version"], ["stats", "--no-stream"]):
        assert isinstance(json.loads(box.ok(*words, "--format", "json")), dict), words
    everything = json.loads(box.ok("capabilities", "--format", "json"))
    assert {item["name"] for item in everything["topologies"]} == {"vm", "thin-vm", "vm-container", "container", "caas", "on-demand", "serverless"}
    table = box.ok("capabilities").splitlines()
    assert any(line.startswith("container") and " image " in line and "works" in line for line in table)
    assert any(line.startswith("serverless") and "refused" in line for line in table)
