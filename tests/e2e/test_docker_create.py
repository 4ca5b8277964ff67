"""Containers as documents: what create takes, what inspect shows, what update changes, through the docker command line and its API."""
import json


def body(**more):
    """A smallest body of create."""
    return {"Image": "box", "Cmd": ["sleep", "600"], **more}


def made(docker, **more):
    """The ID of a container that was made through the API."""
    status, answer = docker.api("POST", "/containers/create", body(**more))
    assert status == 201, answer
    assert answer["Warnings"] == []
    return answer["Id"]


def test_C07_created_as_it_was_asked_for(docker):
    docker.ok("create", "--name", "web", "--label", "a=b", "-e", "X=1", "--user", "1:2", "-w", "/tmp", "--hostname", "h", "-p", "127.0.0.1:18080:80",
              "-v", "data:/data:ro", "--tmpfs", "/t:size=1m", "--memory", "64m", "--cpus", "0.5", "--restart", "on-failure:3",
              "--stop-signal", "INT", "--stop-timeout", "3", "box", "sleep", "600")
    seen = docker.inspect("web")
    config, host = seen["Config"], seen["HostConfig"]
    assert seen["Name"] == "/web"
    assert (seen["Path"], seen["Args"]) == ("sleep", ["600"])
    assert seen["State"]["Status"] == "created" and seen["State"]["StartedAt"] == "0001-01-01T00:00:00Z"
    assert config["Labels"]["a"] == "b" and "X=1" in config["Env"]
    assert (config["User"], config["WorkingDir"], config["Hostname"]) == ("1:2", "/tmp", "h")
    assert (config["Cmd"], config["Image"]) == (["sleep", "600"], "box")
    assert (config["StopSignal"], config["StopTimeout"]) == ("INT", 3)
    assert host["PortBindings"] == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}]}
    assert host["Binds"] == ["data:/data:ro"] and host["Tmpfs"] == {"/t": "size=1m"}
    assert (host["Memory"], host["NanoCpus"]) == (64 << 20, 500000000)
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert host["NetworkMode"] == "bridge"
    mount = next(m for m in seen["Mounts"] if m["Destination"] == "/data")
    assert (mount["Type"], mount["Name"], mount["RW"]) == ("volume", "data", False)
    # The same object by its native name.
    native = docker.engine.inspect("web")
    assert native["metadata"]["uid"] == seen["Id"] and native["spec"]["workingDir"] == "/tmp"


def test_C07_runs_as_it_was_asked_for(docker):
    docker.ok("create", "--name", "c", "-e", "X=1", "-w", "/tmp", "--user", "7:8", "box", "sh", "-c", "echo $X $(pwd) $(id -u):$(id -g) $(hostname)")
    docker.ok("start", "c")
    docker.ok("wait", "c")
    uid = docker.inspect("c")["Id"]
    assert docker.engine.ok("logs", "c").split() == ["1", "/tmp", "7:8", uid[:12]]
    state = docker.inspect("c")["State"]
    assert (state["Status"], state["ExitCode"], state["Running"]) == ("exited", 0, False)


def test_C07_a_name_that_is_taken(docker):
    uid = docker.ok("create", "--name", "one", "box", "true")
    status, answer = docker.api("POST", "/containers/create?name=one", body())
    assert status == 409
    assert answer["message"] == (f'Conflict. The container name "/one" is already in use by container "{uid}". You have to remove (or rename) '
                                 "that container to be able to reuse that name.")
    assert docker.api("POST", "/containers/create?name=a/b", body())[0] == 400


def test_C07_an_image_that_is_not_there_is_not_pulled(docker):
    status, answer = docker.api("POST", "/containers/create", {"Image": "nosuch", "Cmd": ["x"]})
    assert (status, answer["message"]) == (404, "No such image: nosuch:latest")
    assert docker.ok("ps", "-aq") == ""


def test_C07_words_or_one_string_and_any_case(docker):
    status, answer = docker.api("POST", "/containers/create", {"image": "box", "CMD": "true", "hostconfig": {"memory": 33554432}})
    assert status == 201, answer
    seen = docker.inspect(answer["Id"])
    assert seen["Config"]["Cmd"] == ["true"] and seen["HostConfig"]["Memory"] == 33554432


REFUSED = [
    ({"Links": ["a:b"]}, 501, "Links"),
    ({"StorageOpt": {"size": "1G"}}, 501, "StorageOpt"),
    ({"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]}, 501, "DeviceRequests"),
    ({"Cgroup": "x"}, 501, "Cgroup"),
    ({"KernelMemory": 1 << 30}, 501, "KernelMemory"),
    ({"CpuCount": 2}, 501, "CpuCount"),
    ({"CpuPercent": 2}, 501, "CpuPercent"),
    ({"IOMaximumIOps": 2}, 501, "IOMaximumIOps"),
    ({"IOMaximumBandwidth": 2}, 501, "IOMaximumBandwidth"),
    ({"LogConfig": {"Type": "syslog"}}, 400, "no log driver named 'syslog'"),
    ({"LogConfig": {"Type": "json-file", "Config": {"tag": "x"}}}, 400, "unknown log opt 'tag' for json-file log driver"),
    ({"Runtime": "nosuch"}, 400, "unknown or invalid runtime name: nosuch"),
    ({"Isolation": "odd"}, 400, "invalid isolation"),
    ({"Memory": 1000}, 400, "Minimum memory limit allowed is 6MB"),
    ({"MemorySwap": 1 << 30}, 400, "You should always set the Memory limit"),
    ({"NanoCpus": 10 ** 15}, 400, "range of CPUs is from 0.01"),
    ({"RestartPolicy": {"Name": "sometimes"}}, 400, "invalid restart policy"),
    ({"AutoRemove": True, "RestartPolicy": {"Name": "always"}}, 400, "can't create 'AutoRemove' container with restart policy"),
    ({"Binds": ["/a:b"]}, 400, "mount path must be absolute"),
    ({"Binds": ["/tmp:/x:odd"]}, 400, "invalid mode: odd"),
    ({"Binds": ["/tmp:/x", "/tmp:/x"]}, 400, "Duplicate mount point: /x"),
    ({"Mounts": [{"Type": "bind", "Source": "/no/such", "Target": "/x"}]}, 400,
     'invalid mount config for type "bind": bind source path does not exist: /no/such'),
    ({"Mounts": [{"Type": "npipe", "Source": "x", "Target": "/x"}]}, 400, "mount type unknown"),
    ({"VolumeDriver": "odd"}, 400, 'plugin "odd" not found'),
    ({"SecurityOpt": ["odd=1"]}, 400, "invalid --security-opt"),
    ({"IpcMode": "odd"}, 400, "invalid IPC mode: odd"),
    ({"PidMode": "odd"}, 400, "invalid PID mode: odd"),
    ({"UTSMode": "odd"}, 400, "invalid UTS mode: odd"),
    ({"UsernsMode": "odd"}, 400, "invalid user namespace mode"),
    ({"CgroupnsMode": "odd"}, 400, "invalid cgroup namespace mode: odd"),
    ({"OomScoreAdj": 2000}, 400, "range for oom score adj"),
    ({"PortBindings": {"80/sctp": []}}, 501, "sctp"),
    ({"PortBindings": {"80/tcp": [{"HostPort": "x"}]}}, 400, "invalid port specification"),
    ({"CapAdd": ["ODD"]}, 400, "invalid CapAdd"),
    ({"CapDrop": ["ODD"]}, 400, "invalid CapDrop"),
    ({"Ulimits": [{"Name": "odd", "Soft": 1, "Hard": 1}]}, 400, "invalid ulimit"),
    ({"DeviceCgroupRules": ["odd"]}, 400, "invalid device cgroup rule"),
    ({"SomethingNew": {"x": 1}}, 400, "HostConfig.SomethingNew"),
    ({"Memory": "much"}, 400, "HostConfig.Memory"),
]


def test_C07_what_cannot_be_had_is_refused_by_name(docker):
    wrong = []
    for host, status, words in REFUSED:
        got, answer = docker.api("POST", "/containers/create", body(HostConfig=host))
        if got != status or words not in answer.get("message", ""):
            wrong.append((host, got, answer))
    assert wrong == []
    assert docker.ok("ps", "-aq") == ""


def test_C07_members_that_say_nothing_are_no_harm(docker):
    made(docker, HostConfig={"SomethingNew": None, "Other": {"a": 0, "b": ""}, "Binds": None, "PortBindings": None}, NetworkingConfig=None)


def test_C13_healthcheck(docker):
    check = {"Test": ["CMD-SHELL", "echo fine; test -e /ok"], "Interval": 100000000, "Retries": 1}
    uid = made(docker, Healthcheck=check)
    assert docker.inspect(uid)["Config"]["Healthcheck"] == check
    docker.ok("start", uid)
    docker.engine.ok("exec", uid, "touch", "/ok")
    docker.engine.wait(uid, "healthy")
    health = docker.inspect(uid)["State"]["Health"]
    assert (health["Status"], health["FailingStreak"]) == ("healthy", 0)
    assert (health["Log"][-1]["ExitCode"], health["Log"][-1]["Output"]) == (0, "fine\n")
    none = made(docker, Healthcheck={"Test": ["NONE"]})
    docker.ok("start", none)
    assert "Health" not in docker.inspect(none)["State"]
    assert docker.api("POST", "/containers/create", body(Healthcheck={"Test": ["CMD", "x"], "Interval": 5}))[0] == 400


def test_C12_limits_hold_and_can_be_changed(docker):
    docker.ok("create", "--name", "c", "--memory", "64m", "--pids-limit", "50", "--cpu-shares", "512", "box", "sleep", "600")
    docker.ok("start", "c")
    limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
    assert docker.engine.ok("exec", "c", "sh", "-c", limit).strip() == str(64 << 20)
    docker.ok("update", "--memory", "96m", "--memory-swap", "-1", "--cpu-shares", "256", "--restart", "always", "c")
    assert docker.engine.ok("exec", "c", "sh", "-c", limit).strip() == str(96 << 20)
    host = docker.inspect("c")["HostConfig"]
    assert (host["Memory"], host["CpuShares"], host["PidsLimit"], host["RestartPolicy"]["Name"]) == (96 << 20, 256, 50, "always")
    assert docker.api("POST", "/containers/c/update", {"Memory": 1})[0] == 400
    status, answer = docker.api("POST", "/containers/c/update", {"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 1}]})
    assert status == 501 and "Ulimits" in answer["message"]
    assert docker.api("POST", "/containers/nosuch/update", {})[0] == 404


def test_C13_volumes_in_every_form(docker):
    source = docker.engine.scratch / "source"
    source.mkdir()
    (source / "file").write_text("hello\n")
    uid = made(docker, Volumes={"/anonymous": {}}, HostConfig={
        "Binds": [f"{source}:/bind:ro", "named:/named", f"{source}/made:/made"],
        "Tmpfs": {"/tmpfs": "size=1m,mode=700"},
        "Mounts": [{"Type": "volume", "Source": "other", "Target": "/other", "VolumeOptions": {"Labels": {"k": "v"}}},
                   {"Type": "tmpfs", "Target": "/tmpfs2", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 0o755}}]})
    docker.ok("start", uid)
    inside = lambda line: docker.engine.ok("exec", uid, "sh", "-c", line).strip()
    assert inside("cat /bind/file") == "hello"
    assert inside("touch /bind/x 2>&1 || echo no").endswith("no")
    assert inside("touch /named/x /other/x /anonymous/x /made/x /tmpfs/x && stat -c %a /tmpfs /tmpfs2") == "700\n755"
    assert (source / "made" / "x").exists()
    seen = docker.inspect(uid)
    kinds = {m["Destination"]: m["Type"] for m in seen["Mounts"]}
    assert kinds == {"/bind": "bind", "/named": "volume", "/made": "bind", "/other": "volume", "/anonymous": "volume", "/tmpfs": "tmpfs",
                     "/tmpfs2": "tmpfs"}
    assert seen["HostConfig"]["Tmpfs"] == {"/tmpfs": "size=1m,mode=700"}
    assert [m["Target"] for m in seen["HostConfig"]["Mounts"]] == ["/other", "/tmpfs2"]
    second = made(docker, HostConfig={"VolumesFrom": [f"{uid[:12]}:ro"]})
    docker.ok("start", second)
    assert docker.engine.ok("exec", second, "sh", "-c", "ls /anonymous /named; touch /named/y 2>&1 || echo no").split()[0] == "/anonymous:"
    assert docker.inspect(second)["HostConfig"]["VolumesFrom"] == [f"{uid[:12]}:ro"]
    assert docker.inspect(second)["HostConfig"]["Binds"] == []


def test_C10_networks_and_ports(docker):
    docker.engine.ok("network", "create", "--subnet", "10.77.0.0/24", "inner")
    docker.ok("create", "--name", "a", "--network", "inner", "--network-alias", "web", "--ip", "10.77.0.9", "-p", "18081:80", "--expose", "81", "box",
              "sleep", "600")
    docker.ok("start", "a")
    settings = docker.inspect("a")["NetworkSettings"]
    assert settings["Networks"]["inner"]["IPAddress"] == "10.77.0.9"
    assert settings["Networks"]["inner"]["Aliases"] == ["web"]
    assert settings["Ports"]["80/tcp"][0]["HostPort"] == "18081" and settings["Ports"]["81/tcp"] is None
    b = made(docker, HostConfig={"NetworkMode": "container:a"})
    docker.ok("start", b)
    assert "10.77.0.9" in docker.engine.ok("exec", b, "ip", "addr")
    assert docker.inspect(b)["HostConfig"]["NetworkMode"].startswith("container:")
    for mode in ("none", "host"):
        uid = made(docker, HostConfig={"NetworkMode": mode})
        assert docker.inspect(uid)["HostConfig"]["NetworkMode"] == mode
    assert docker.inspect("a")["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "18081"}]}
    status, answer = docker.api("POST", "/containers/create", body(NetworkingConfig={"EndpointsConfig": {"bridge": {"Aliases": ["x"]}}}))
    assert (status, "user-defined networks" in answer["message"]) == (400, True)


RUNS = [
    (["--read-only"], "touch /x 2>/dev/null || echo no", "no"),
    (["--cap-drop", "ALL"], "grep CapEff /proc/self/status", "CapEff:\t0000000000000000"),
    (["--security-opt", "no-new-privileges"], "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
    (["--security-opt", "seccomp=unconfined"], "grep Seccomp: /proc/self/status", "Seccomp:\t0"),
    (["--ulimit", "nofile=100:200"], "ulimit -n; ulimit -Hn", "100\n200"),
    (["--sysctl", "net.ipv4.ip_default_ttl=42"], "cat /proc/sys/net/ipv4/ip_default_ttl", "42"),
    (["--shm-size", "1m"], "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2", "1024"),
    (["--device", "/dev/null:/dev/other"], "echo x > /dev/other && stat -c %F /dev/other", "character special file"),
    (["--group-add", "77", "--user", "1:2"], "id -u; id -G", "1\n2 77"),
    (["--add-host", "there:10.9.8.7", "--dns", "10.1.2.3", "--dns-search", "example.org"],
     "grep there /etc/hosts | tr -s '\t ' ' '; grep search /etc/resolv.conf", "10.9.8.7 there\nsearch example.org"),
    (["--init"], "tr '\\0' ' ' < /proc/1/cmdline | cut -d' ' -f1", "/sbin/docker-init"),
    (["--hostname", "h", "--domainname", "d"], "hostname", "h"),
    (["--network", "none"], "ls /sys/class/net", "lo"),
    (["--uts", "host"], "hostname", None),
    (["--pid", "host"], "test -d /proc/$PPID && echo seen", "seen"),
    (["--entrypoint", "echo"], None, "a b"),
    (["--tmpfs", "/t:size=1m,mode=700"], "stat -c %a /t; touch /t/x && echo fine", "700\nfine"),
    (["--mount", "type=bind,source=/usr,target=/u,readonly"], "touch /u/x 2>/dev/null || echo no", "no"),
    (["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj", "500"),
    (["-e", "A=1", "-e", "PATH"], "echo $A", "1"),
]


def test_C10_what_docker_run_asks_for_is_what_the_program_gets(docker):
    wrong = []
    for options, line, wanted in RUNS:
        command = ["a", "b"] if line is None else ["sh", "-c", line]
        done = docker.cli("run", "--rm", *options, "box", *command)
        if done.returncode != 0 or (wanted is not None and done.stdout.strip() != wanted):
            wrong.append((options, done.returncode, done.stdout, done.stderr))
    assert wrong == []
    assert docker.ok("ps", "-aq") == ""


def test_C10_processes_beside_the_first_are_shown(docker):
    uid = made(docker)
    docker.ok("start", uid)
    assert docker.inspect(uid)["ExecIDs"] is None
    docker.ok("exec", "-d", uid, "sleep", "600")
    assert len(docker.inspect(uid)["ExecIDs"]) == 1
