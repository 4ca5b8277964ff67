#include "http/tls.h"

#include <arpa/inet.h>

#include "base/process.h"
#include "http/testing.h"

namespace fulcrum::http {
namespace {

using ::fulcrum::testing::ErrorIs;
using ::fulcrum::testing::IsOkAndHolds;
using ::testing::HasSubstr;
using testing::soon;

/// A CA, and a server and a client certificate of it; and a client certificate of somebody else.
class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    authority("ca");
    authority("stranger");
    issue("server", "ca", "subjectAltName=IP:127.0.0.1");
    issue("alice", "ca", "subjectAltName=DNS:alice");
    issue("mallory", "stranger", "subjectAltName=DNS:mallory");
    server_tls_ = make_server_tls(files("server", "ca")).value();
    Router router;
    router.add("GET", "/who", [](Request& in, ResponseWriter& out) { return out.send(200, "text/plain", in.peer_name()); });
    router.add("POST", "/raw", [](Request& in, ResponseWriter& out) -> Result<> {
      auto raw = TRY(out.upgrade("tcp", ""));
      char data[64];
      const auto n = TRY(raw.stream->read(data, sizeof data, in.stop(), soon()));
      TRY(raw.stream->write("echo " + std::string(data, n), in.stop(), soon()));
      return raw.stream->shutdown_write();
    });
    server_ = std::make_unique<Server>(std::move(router));
    std::vector<Listener> listeners;
    listeners.push_back({.fd = listen_tcp("127.0.0.1:0").value(), .tls = server_tls_.get()});
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ASSERT_EQ(::getsockname(listeners[0].fd.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, taken = std::move(listeners)]() mutable { EXPECT_OK(server_->run(std::move(taken), stop_)); });
  }
  void TearDown() override {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const auto output = run({.argv = arguments, .cwd = directory_.path()}, "", StopSource::never(), Deadline::in(std::chrono::seconds(30)));
    ASSERT_OK(output);
    ASSERT_TRUE(output->status.ok()) << output->err;
  }
  void authority(const std::string& name) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key", "-out",
             name + ".crt", "-subj", "/CN=" + name, "-days", "2"});
  }
  void issue(const std::string& name, const std::string& ca, const std::string& extension) {
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key", "-out", name + ".csr",
             "-subj", "/CN=" + name});
    ASSERT_OK(sys::write_file_atomic(directory_ / (name + ".ext"), extension));
    openssl({"x509", "-req", "-in", name + ".csr", "-CA", ca + ".crt", "-CAkey", ca + ".key", "-CAcreateserial", "-days", "2", "-extfile",
             name + ".ext", "-out", name + ".crt"});
  }
  TlsFiles files(const std::string& name, const std::string& ca) const {
    return {.certificate = directory_ / (name + ".crt"), .key = directory_ / (name + ".key"), .ca = directory_ / (ca + ".crt")};
  }
  Endpoint endpoint(const ClientTls* tls) const { return {.unix_path = {}, .host = "127.0.0.1", .port = port_, .tls = tls}; }

  ::fulcrum::testing::TemporaryDirectory directory_;
  std::unique_ptr<TlsContext> server_tls_;
  std::unique_ptr<Server> server_;
  StopSource stop_;
  std::thread thread_;
  std::uint16_t port_ = 0;
};

TEST_F(TlsTest, BothSidesAreAuthenticated) {
  const auto tls = make_client_tls(files("alice", "ca")).value();
  Client client(endpoint(tls.get()));
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(client.request({.target = "/who"}, StopSource::never(), soon())->read_all(100), IsOkAndHolds(std::string("alice")));
  auto raw = client.hijack({.method = "POST", .target = "/raw"}, "tcp", StopSource::never(), soon()).value();
  ASSERT_OK(raw.stream->write("x", StopSource::never(), soon()));
  EXPECT_EQ(raw.early + testing::TestServer::read_to_end(*raw.stream), "echo x");
  EXPECT_THAT(raw.stream->release(), ErrorIs(Code::unimplemented));
}

TEST_F(TlsTest, AStrangerIsTurnedAway) {
  const auto mallory = make_client_tls(files("mallory", "ca")).value();
  Client client(endpoint(mallory.get()));
  EXPECT_FALSE(client.request({.target = "/who"}, StopSource::never(), soon()));  // TLS 1.3 tells a client after its handshake
  const auto alice = make_client_tls(files("alice", "ca")).value();
  Client good(endpoint(alice.get()));
  EXPECT_OK(good.request({.target = "/who"}, StopSource::never(), soon()));
}

TEST_F(TlsTest, AServerOfAnotherAuthorityOrNameIsNotBelieved) {
  const auto wrong_ca = make_client_tls(files("alice", "stranger")).value();
  Client client(endpoint(wrong_ca.get()));
  EXPECT_THAT(client.request({.target = "/who"}, StopSource::never(), soon()), ErrorIs(Code::unauthenticated));
  const auto tls = make_client_tls(files("alice", "ca")).value();
  auto plain = make_stream(connect_tcp("127.0.0.1", port_, StopSource::never(), soon()).value()).value();
  EXPECT_THAT(tls->connect(std::move(plain), "example.com", StopSource::never(), soon()), ErrorIs(Code::unauthenticated));
}

TEST_F(TlsTest, PlainHttpGetsNothing) {
  auto stream = make_stream(connect_tcp("127.0.0.1", port_, StopSource::never(), soon()).value()).value();
  ASSERT_OK(stream->write("GET /who HTTP/1.1\r\nHost: x\r\n\r\n", StopSource::never(), soon()));
  EXPECT_THAT(testing::TestServer::read_to_end(*stream), ::testing::Not(HasSubstr("HTTP/")));
}

TEST_F(TlsTest, BadFilesAreNamed) {
  auto wrong = files("alice", "ca");
  wrong.key = directory_ / "server.key";
  EXPECT_THAT(make_server_tls(wrong), ErrorIs(Code::invalid_argument, "server.key"));
  wrong.key = directory_ / "none.key";
  EXPECT_THAT(make_server_tls(wrong), ErrorIs(Code::invalid_argument, "none.key"));
}

}  // namespace
}  // namespace fulcrum::http
