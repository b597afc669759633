"""scripts/deploy-runner.sh against a real sshd of this test's own on the loopback: sources, build, registration, probe."""
from common import *
from ssh_server import ME, need_ssh, ssh_server

need_ssh()
SCRIPT = SOURCE / "scripts/deploy-runner.sh"
folder = scratch()
runners = folder / "store/runners"


def deploy(*arguments, code=0):
    done = subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=1700)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


# Nothing happens in a dry run, and slips are refused before anything does.
dry = deploy("--dry-run", "--name", "board", "--runners", folder / "none", "user@nowhere.invalid").stdout
for part in ("copy to user@nowhere.invalid:automask-runner", "hw_targets/cuda/board", "board.json", "runners probe board"):
    assert part in dry, dry
assert not (folder / "none").exists()
assert "no name for a runner" in deploy("--name", "../up", "host", code=2).stderr
assert "may hold letters" in deploy("--directory", "x; rm", "host", code=2).stderr
assert "unknown option --fast" in deploy("--fast", "host", code=2).stderr
assert "deploy-runner.sh [OPTION ...] HOST" in deploy(code=2).stderr

with ssh_server(folder) as login:
    options = [part for word in login for part in ("--ssh-option", word)]
    # The fastest build there is: what is tested is the way there.
    quick = ["--cmake-option", "-DCMAKE_BUILD_TYPE=Debug"]
    if shutil.which("ccache"):
        quick += ["--cmake-option", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    done = deploy(*quick, "--name", "board", "--directory", folder / "there", "--runners", runners, *options, ME)
    print(done.stdout)
    program = folder / "there/build/automask-runner-cuda"
    assert program.exists() and not (folder / "there/hw_targets/cuda/shim").exists()
    runner = json.loads((runners / "board.json").read_text())
    assert runner == {"name": "board", "command": [str(program)], "ssh": {"host": ME, "options": login},
                      "limits": {"prepare": 1800}}, runner
    probed = json.loads(automask("runners", "probe", "board", "--store", folder / "store", "--format", "json", check=0).stdout)
    # A GPU describes itself; a machine without one says why.
    assert probed["runner"] == "board" and (probed.get("state") == "skipped" or probed["device"]["evidence"] == "measured"), probed
