// Client against server: bodies of any size, streams, hand-overs.
#include "http/client.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>

#include "http/relay.h"
#include "http/testing.h"

namespace fulcrum::http {
namespace {

using ::fulcrum::testing::ErrorIs;
using ::fulcrum::testing::IsOkAndHolds;
using ::testing::HasSubstr;
using testing::soon;
using namespace std::chrono_literals;

const StopSource& never() { return StopSource::never(); }

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    server_.options.on_request = [this](const Request& request, int) { last_ = request.peer()->pid; };
    server_.router.add("GET", "/hello", [](Request&, ResponseWriter& out) { return out.send(200, "text/plain", "hello"); });
    server_.router.add("POST", "/count",
                       [](Request& in, ResponseWriter& out) -> Result<> {
                         std::uint64_t sum = 0;
                         std::string data(65536, '\0');
                         for (;;) {
                           const auto n = TRY(in.body().read(data.data(), data.size()));
                           if (n == 0) break;
                           sum += n;
                         }
                         return out.send(200, "text/plain", std::to_string(sum));
                       },
                       {.max_body = std::size_t{1} << 40});
    server_.router.add("POST", "/small",
                       [](Request& in, ResponseWriter& out) -> Result<> { return out.send(200, "text/plain", TRY(in.read_body())); },
                       {.max_body = 10});
    server_.router.add("GET", "/big", [](Request&, ResponseWriter& out) -> Result<> {
      TRY(out.begin(200, "application/octet-stream"));
      const std::string data(1 << 20, 'x');
      for (int i = 0; i < 256; ++i) TRY(out.write(data));
      return {};
    });
    // What it gets it gives back in upper case, then the rest after the peer has ended.
    server_.router.add("POST", "/attach", [](Request& in, ResponseWriter& out) -> Result<> {
      TRY(in.read_body());
      auto raw = TRY(out.upgrade("tcp", "application/vnd.docker.raw-stream"));
      std::string all = raw.early;
      char data[4096];
      for (;;) {
        const auto n = TRY(raw.stream->read(data, sizeof data, in.stop(), soon()));
        if (n == 0) break;
        all.append(data, n);
      }
      TRY(raw.stream->write("got " + std::to_string(all.size()) + " bytes: " + all.substr(0, 20), in.stop(), soon()));
      return {};
    });
    server_.router.add("POST", "/refuse", [](Request&, ResponseWriter&) -> Result<> { return fail(Code::not_found, "container x"); });
  }
  void SetUp() override { server_.start(); }
  Client client() { return Client({.unix_path = server_.path()}); }

  testing::TestServer server_;
  std::atomic<int> last_ = 0;
};

TEST_F(ClientTest, UsesItsConnectionAgain) {
  Client client({.unix_path = server_.path()});
  for (int i = 0; i < 100; ++i) {
    auto response = client.request({.target = "/hello"}, never(), soon());
    ASSERT_OK(response);
    EXPECT_THAT(response->read_all(100), IsOkAndHolds(std::string("hello")));
  }
  EXPECT_EQ(server_.server().connections(), 1u);
}

TEST_F(ClientTest, ReplacesAnIdleConnectionThatTheServerClosed) {
  testing::TestServer brief;
  brief.options.idle_timeout = 20ms;
  brief.router.add("GET", "/hello", [](Request&, ResponseWriter& out) { return out.send(200, "text/plain", "hello"); });
  brief.start();
  Client client({.unix_path = brief.path()});
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(client.request({.target = "/hello"}, never(), soon())->read_all(100), IsOkAndHolds(std::string("hello")));
    while (brief.server().connections() > 0) std::this_thread::yield();
  }
}

TEST_F(ClientTest, SaysThatThereIsNoServer) {
  Client client({.unix_path = server_.path() + ".none"});
  EXPECT_THAT(client.request({.target = "/hello"}, never(), soon()), ErrorIs(Code::unavailable, "GET /hello: connect to"));
}

TEST_F(ClientTest, HugeBodiesNeedLittleMemory) {
  Client client({.unix_path = server_.path()});
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  std::uint64_t left = 512ull << 20;
  ClientRequest upload{.method = "POST", .target = "/count"};
  upload.body_source = [&](char* data, std::size_t size) -> Result<std::size_t> {
    const auto n = std::min<std::uint64_t>(left, size);
    std::fill_n(data, n, 'u');
    left -= n;
    return n;
  };
  EXPECT_THAT(client.request(upload, never(), Deadline::in(60s))->read_all(100), IsOkAndHolds(std::to_string(512ull << 20)));
  auto download = client.request({.target = "/big"}, never(), Deadline::in(60s)).value();
  std::string data(65536, '\0');
  std::uint64_t sum = 0;
  while (const auto n = download.read(data.data(), data.size()).value()) sum += n;
  EXPECT_EQ(sum, 256ull << 20);
  ::getrusage(RUSAGE_SELF, &after);
#ifdef __SANITIZE_ADDRESS__
  constexpr long kAllowed = (64 + 256) << 10;  // AddressSanitizer keeps 256 MiB of what was freed
#else
  constexpr long kAllowed = 64 << 10;
#endif
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, kAllowed) << "KiB";
}

TEST_F(ClientTest, GetsTheRefusalOfABodyThatIsStillBeingSent) {
  Client client({.unix_path = server_.path()});
  ClientRequest upload{.method = "POST", .target = "/small"};
  std::uint64_t left = 8 << 20;
  upload.body_source = [&](char* data, std::size_t size) -> Result<std::size_t> {
    const auto n = std::min<std::uint64_t>(left, size);
    std::fill_n(data, n, 'u');
    left -= n;
    return n;
  };
  const auto response = client.request(upload, never(), soon());
  ASSERT_OK(response);
  EXPECT_EQ(response->status(), 413);
}

TEST_F(ClientTest, ReadsLines) {
  testing::TestServer lines;
  lines.router.add("GET", "/lines", [](Request&, ResponseWriter& out) -> Result<> {
    TRY(out.begin(200, "application/x-ndjson"));
    for (const auto& line : {std::string("1"), std::string("22"), std::string(20000, 'x'), std::string()}) TRY(out.write_line(line));
    return out.write("rest");
  });
  lines.start();
  Client client({.unix_path = lines.path()});
  auto response = client.request({.target = "/lines"}, never(), soon()).value();
  EXPECT_EQ(response.read_line().value(), "1");
  EXPECT_EQ(response.read_line().value(), "22");
  EXPECT_EQ(response.read_line().value()->size(), 20000u);
  EXPECT_EQ(response.read_line().value(), "");
  EXPECT_EQ(response.read_line().value(), "rest");
  EXPECT_EQ(response.read_line().value(), std::nullopt);
}

TEST_F(ClientTest, ALineIsBounded) {
  Client client({.unix_path = server_.path()});
  auto response = client.request({.target = "/big"}, never(), soon()).value();
  EXPECT_THAT(response.read_line(1 << 20), ErrorIs(Code::resource_exhausted));
}

TEST_F(ClientTest, HijacksAndHalfCloses) {
  Client client({.unix_path = server_.path()});
  auto raw = client.hijack({.method = "POST", .target = "/attach", .body = "{}"}, "tcp", never(), soon());
  ASSERT_OK(raw);
  ASSERT_OK(raw->stream->write("abc", never(), soon()));
  ASSERT_OK(raw->stream->shutdown_write());
  EXPECT_EQ(raw->early + testing::TestServer::read_to_end(*raw->stream), "got 3 bytes: abc");
}

TEST_F(ClientTest, BytesRightBehindTheHeaderBelongToTheStream) {
  auto stream = server_.connect();
  ASSERT_OK(
      stream->write("POST /attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}early bytes",
                    never(), soon()));
  ASSERT_OK(stream->shutdown_write());
  const auto all = testing::TestServer::read_to_end(*stream);
  EXPECT_THAT(all, ::testing::StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(all, HasSubstr("Upgrade: tcp\r\n"));
  EXPECT_THAT(all, HasSubstr("\r\n\r\ngot 11 bytes: early bytes"));
}

TEST_F(ClientTest, HijacksWithoutUpgradeAsOldClientsDo) {
  auto stream = server_.connect();
  ASSERT_OK(stream->write("POST /attach HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nx", never(), soon()));
  ASSERT_OK(stream->shutdown_write());
  const auto all = testing::TestServer::read_to_end(*stream);
  EXPECT_THAT(all, ::testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(all, HasSubstr("Content-Type: application/vnd.docker.raw-stream\r\n"));
  EXPECT_THAT(all, HasSubstr("\r\n\r\ngot 1 bytes: x"));
}

TEST_F(ClientTest, ARefusedHijackIsAnError) {
  Client client({.unix_path = server_.path()});
  EXPECT_THAT(client.hijack({.method = "POST", .target = "/refuse"}, "tcp", never(), soon()), ErrorIs(Code::not_found, "container x"));
  EXPECT_OK(client.request({.target = "/hello"}, never(), soon()));
}

TEST_F(ClientTest, StopsAndTimesOut) {
  testing::TestServer silent;
  silent.router.add("GET", "/wait", [](Request& in, ResponseWriter&) -> Result<> {
    [[maybe_unused]] const bool passed = wait_until(in.stop(), soon());
    return fail(Code::unavailable, "stopping");
  });
  silent.start();
  Client client({.unix_path = silent.path()});
  EXPECT_THAT(client.request({.target = "/wait"}, never(), Deadline::in(20ms)), ErrorIs(Code::deadline_exceeded));
  StopSource stop;
  stop.request_stop();
  EXPECT_THAT(client.request({.target = "/wait"}, stop, soon()), ErrorIs(Code::cancelled));
}

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> stream_pair() {
  int fds[2];
  FULCRUM_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  return {make_stream(UniqueFd(fds[0])).value(), make_stream(UniqueFd(fds[1])).value()};
}

TEST(Relay, CopiesBothWaysAndHalfCloses) {
  auto [client, left] = stream_pair();
  auto [right, process] = stream_pair();
  std::thread relaying([&left = left, &right = right] { EXPECT_OK(relay(*left, "early ", *right, "", never(), soon())); });
  ASSERT_OK(client->write("request", never(), soon()));
  ASSERT_OK(client->shutdown_write());
  EXPECT_EQ(testing::TestServer::read_to_end(*process), "early request");
  ASSERT_OK(process->write("answer after the end of the other direction", never(), soon()));
  ASSERT_OK(process->shutdown_write());
  EXPECT_EQ(testing::TestServer::read_to_end(*client), "answer after the end of the other direction");
  relaying.join();
}

TEST(Relay, ASlowReaderDoesNotStallTheOtherDirection) {
  auto [client, left] = stream_pair();
  auto [right, process] = stream_pair();
  StopSource stop;
  std::thread relaying(
      [&left = left, &right = right, &stop] { EXPECT_THAT(relay(*left, "", *right, "", stop, soon()), ErrorIs(Code::cancelled)); });
  // Nobody reads at the process's end: this direction fills up and stands.
  const std::string flood(1 << 16, 'f');
  while (client->try_write(flood)->bytes > 0) {
  }
  ASSERT_OK(process->write("still here", never(), soon()));
  EXPECT_EQ(testing::TestServer::read_until(*client, "still here"), "still here");
  stop.request_stop();
  relaying.join();
}

TEST(Relay, EndsWhenTheClientHangsUpWhileTheProcessIsSilent) {
  auto [client, left] = stream_pair();
  auto [right, process] = stream_pair();
  std::thread relaying([&left = left, &right = right] { EXPECT_OK(relay(*left, "", *right, "", never(), soon())); });
  client.reset();
  EXPECT_EQ(testing::TestServer::read_to_end(*process), "");
  relaying.join();
}

}  // namespace
}  // namespace fulcrum::http
