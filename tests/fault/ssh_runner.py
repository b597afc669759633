"""A runner at the end of an ssh: a real sshd of this test's own on the loopback, and hosts that refuse."""
from common import *
from ssh_server import ME, need_ssh, ssh_server

need_ssh()
need_fashion()
folder = scratch()
store = folder / "store"
(store / "runners").mkdir(parents=True)


def register(name, command, options, host=ME):
    runner = {"name": name, "command": command, "ssh": {"host": host, "options": options}}
    (store / "runners" / f"{name}.json").write_text(json.dumps(runner))


with ssh_server(folder) as login:
    OPTIONS = [*login, "-o", "StrictHostKeyChecking=yes"]
    # A path with a space and a quote shows that words arrive as they were written.
    odd = folder / "it's here"
    odd.mkdir()
    (odd / "runner").symlink_to(BIN / "automask-runner-cpu")
    register("board", [str(odd / "runner")], OPTIONS)
    register("no_program", ["/not/there/runner"], OPTIONS)
    register("refuses", ["runner"], ["-p", "1", "-F", "none"], "127.0.0.1")
    register("wrong_key", ["runner"], [*OPTIONS[:5], str(folder / "host_key"), *OPTIONS[6:], "-o", "IdentitiesOnly=yes"])

    listed = json.loads(automask("runners", "list", "--store", store, "--format", "json", check=0).stdout)["rows"]
    assert {row["runner"]: row["host"] for row in listed}["board"] == ME, listed
    automask("runners", "probe", "board", "--store", store, check=0)
    checked = automask("runners", "check", "board", "--store", store, check=0)
    print(checked.stdout.splitlines()[-1])

    SENTENCES = {
        "refuses": ("cannot be reached: ssh to 127.0.0.1 failed", "Connection refused"),
        "wrong_key": (f"cannot be reached: ssh to {ME} failed", "Permission denied"),
        "no_program": (f"cannot be started: {ME} cannot execute /not/there/runner", "check the command registered in"),
    }
    for name, parts in SENTENCES.items():
        done = automask("runners", "probe", name, "--store", store, check=4)
        assert all(part in done.stderr for part in parts) and done.stderr.count("\n") == 1, done.stderr
        print(done.stderr.strip())

    targets = {name: {"runner": name} for name in ("board", *SENTENCES)}
    manifest = {"name": "over_ssh", "include": [str(SMOKE)], "targets": targets, "conditions": ["clean"],
                "methods": {"clean": {"method": "clean"}}, "matrix": {"method": ["clean"], "target": list(targets)}}
    file = folder / "over_ssh.json"
    file.write_text(json.dumps(manifest))
    automask("run", file, "--store", store, check=4)
    found = {r["target"]: r for r in rows(store, "select target, state, reason from runs")}
    assert found["board"]["state"] == "passed", found["board"]
    for name, parts in SENTENCES.items():
        assert found[name]["state"] == "failed" and parts[0] in found[name]["reason"], found[name]
