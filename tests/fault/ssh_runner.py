"""A runner at the end of an ssh: a real sshd of this test's own on the loopback, and hosts that refuse."""
import getpass
import pathlib
import shutil
import socket
import subprocess
import time

from common import *

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
if not pathlib.Path(SSHD).exists() or not shutil.which("ssh"):
    skip("openssh-server is not installed; scripts/install-deps.sh --tests does")
need_fashion()
folder = scratch()
if os.getuid() == 0:
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # sshd asks for it where it runs as root
for key in ("host_key", "user_key"):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
(folder / "sshd_config").write_text(f"""ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
""")
(folder / "known_hosts").write_text(f"[127.0.0.1]:{port} " + (folder / "host_key.pub").read_text())
server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=open(folder / "sshd.log", "w"))
OPTIONS = ["-F", "none", "-p", str(port), "-i", str(folder / "user_key"), "-o", f"UserKnownHostsFile={folder}/known_hosts",
           "-o", "StrictHostKeyChecking=yes"]
ME = f"{getpass.getuser()}@127.0.0.1"


def until_up():
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError((folder / "sshd.log").read_text())


store = folder / "store"
(store / "runners").mkdir(parents=True)


def register(name, command, options=OPTIONS, host=ME):
    runner = {"name": name, "command": command, "ssh": {"host": host, "options": options}}
    (store / "runners" / f"{name}.json").write_text(json.dumps(runner))


try:
    until_up()
    # A path with a space and a quote shows that words arrive as they were written.
    odd = folder / "it's here"
    odd.mkdir()
    (odd / "runner").symlink_to(BIN / "automask-runner-cpu")
    register("board", [str(odd / "runner")])
    register("no_program", ["/not/there/runner"])
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
finally:
    server.terminate()
    server.wait()
