"""Where Docker's clients find the engine: a second unix socket, and TCP with mutual TLS only."""
import os
import socket
import stat
import subprocess

import pytest

PORT = 23760


@pytest.fixture
def certificates(tmp_path):
    """A folder as docker wants one (ca.pem, cert.pem, key.pem), with server.pem and server-key.pem, and a client of another CA."""
    def openssl(*args, **kwargs):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=tmp_path, **kwargs)

    def authority(name):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}-key.pem", "-out", f"{name}.pem")

    def certificate(name, ca, usage, stem):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{stem}key.pem", "-out", "request.pem")
        (tmp_path / "extensions").write_text(f"subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage={usage}\n")
        openssl("x509", "-req", "-in", "request.pem", "-days", "2", "-CA", f"{ca}.pem", "-CAkey", f"{ca}-key.pem", "-CAcreateserial", "-extfile", "extensions",
                "-out", f"{stem}cert.pem")

    authority("ca")
    certificate("engine", "ca", "serverAuth", "server-")
    certificate("somebody", "ca", "clientAuth", "")
    authority("foreign")
    certificate("stranger", "foreign", "clientAuth", "stranger-")
    return tmp_path


def tls_flags(folder):
    return ["--tls-listen", f"127.0.0.1:{PORT}", "--tls-cert", folder / "server-cert.pem", "--tls-key", folder / "server-key.pem", "--tls-ca", folder / "ca.pem"]


def test_the_docker_command_line_over_mutual_tls(make_engine, certificates):
    engine = make_engine(args=tls_flags(certificates))
    call = lambda *words, **env: engine.inside("docker", *words, env={**os.environ, "DOCKER_CONFIG": str(engine.scratch), **env})
    good = ["--tlsverify", "-H", f"tcp://127.0.0.1:{PORT}", "--tlscacert", certificates / "ca.pem"]
    mine = ["--tlscert", certificates / "cert.pem", "--tlskey", certificates / "key.pem"]
    done = call(*good, *mine, "version", "--format", "{{.Server.Platform.Name}}")
    assert done.stdout == "Fulcrum\n", done.stderr
    done = call("info", "--format", "{{.OSType}}", DOCKER_HOST=f"tcp://127.0.0.1:{PORT}", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(certificates))
    assert done.stdout == "linux\n", done.stderr
    stranger = call(*good, "--tlscert", certificates / "stranger-cert.pem", "--tlskey", certificates / "stranger-key.pem", "version")
    assert stranger.returncode != 0
    plain = call("-H", f"tcp://127.0.0.1:{PORT}", "version")
    assert plain.returncode != 0, "plain TCP is answered"
    no_certificate = engine.inside("curl", "-s", "--cacert", certificates / "ca.pem", f"https://127.0.0.1:{PORT}/_ping")
    assert no_certificate.returncode != 0 and "OK" not in no_certificate.stdout
    assert engine.request("GET", "/v1/ping")[0] == 200


@pytest.mark.parametrize("drop", ["--tls-cert", "--tls-key", "--tls-ca"])
def test_plain_tcp_and_half_of_tls_are_refused_by_name(make_engine, certificates, drop):
    engine = make_engine()
    engine.stop()
    flags = tls_flags(certificates)
    at = flags.index(drop)
    done = engine.inside(engine.bin / "fulcrumd", *engine.daemon_flags(), *flags[:at], *flags[at + 2:])
    assert done.returncode == 1 and "--tls-listen needs" in done.stderr and "plain TCP is refused" in done.stderr
    engine.start()


def test_a_second_socket_for_dockers_clients(make_engine, tmp_path):
    path = tmp_path / "docker.sock"
    engine = make_engine(args=["--docker-socket", path, "--socket-group", "nogroup"])
    for name in (path, engine.socket):
        status = os.stat(name)
        assert stat.S_IMODE(status.st_mode) == 0o660 and status.st_gid != 0
    done = engine.inside("docker", "-H", f"unix://{path}", "version", "--format", "{{.Server.Platform.Name}}")
    assert done.stdout == "Fulcrum\n", done.stderr
    engine.restart(hard=True)
    assert engine.inside("docker", "-H", f"unix://{path}", "version").returncode == 0, "the socket that a killed engine left is taken over"
    engine.stop()
    assert not path.exists()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        done = engine.inside(engine.bin / "fulcrumd", *engine.daemon_flags(), *engine.args)
        assert done.returncode == 1 and "another program serves it" in done.stderr
    assert path.exists(), "the name of a socket that is not ours stays"
    path.unlink()
    path.write_text("precious")
    done = engine.inside(engine.bin / "fulcrumd", *engine.daemon_flags(), *engine.args)
    assert done.returncode == 1 and "is no socket" in done.stderr and path.read_text() == "precious"
    path.unlink()
    engine.start()
