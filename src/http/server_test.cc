// The server as a client sees it, byte by byte.
#include "http/server.h"

#include <sys/resource.h>

#include <atomic>

#include "http/testing.h"

namespace fulcrum::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::soon;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    server_.router.add("GET", "/hello", [](Request&, ResponseWriter& out) { return out.send(200, "text/plain", "hello"); });
    server_.router.add("POST", "/echo",
                       [](Request& in, ResponseWriter& out) -> Result<> { return out.send(200, "text/plain", TRY(in.read_body())); },
                       {.max_body = 1000});
    server_.router.add("POST", "/ignore", [](Request&, ResponseWriter& out) { return out.send_empty(204); });
    server_.router.add("GET", "/fail", [](Request&, ResponseWriter&) -> Result<> { return fail(Code::not_found, "workload \"x\""); });
    server_.router.add("GET", "/throw", [](Request&, ResponseWriter&) -> Result<> { return std::string().at(1), Result<>(); });
    server_.router.add("GET", "/silent", [](Request&, ResponseWriter&) { return Result<>(); });
    server_.router.add("GET", "/stream", [](Request&, ResponseWriter& out) -> Result<> {
      TRY(out.begin(200, "application/x-ndjson"));
      TRY(out.write_line(R"({"a":1})"));
      return out.write_line(R"({"a":2})");
    });
    server_.router.add("GET", "/broken", [](Request&, ResponseWriter& out) -> Result<> {
      TRY(out.begin(200, "text/plain"));
      TRY(out.write("part"));
      return fail(Code::internal, "no more");
    });
  }
  std::string get(std::string_view target, std::string_view more = "") {
    return server_.exchange(fmt::format("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", target, more));
  }

  testing::TestServer server_;
};

TEST_F(ServerTest, AnswersAndCloses) {
  server_.start();
  EXPECT_THAT(get("/hello"), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 5\r\n"),
                                   HasSubstr("Connection: close\r\n"), HasSubstr("\r\n\r\nhello"), HasSubstr("Date: ")));
  EXPECT_THAT(server_.exchange("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              AllOf(HasSubstr("Content-Length: 5\r\n"), ::testing::EndsWith("\r\n\r\n")));
}

TEST_F(ServerTest, MapsErrors) {
  server_.start();
  EXPECT_THAT(get("/fail"),
              AllOf(StartsWith("HTTP/1.1 404 Not Found\r\n"), HasSubstr(R"({"code":"not_found","message":"workload \"x\""})")));
  EXPECT_THAT(get("/nothing"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("/echo"), AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: POST\r\n")));
  EXPECT_THAT(get("/throw"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(get("/silent"), AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr("did not answer")));
  EXPECT_THAT(get("/%zz"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(get("/hello?a=%z"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(ServerTest, RefusesMalformedRequests) {
  server_.start();
  const std::string big(70'000, 'a');
  std::string many = "GET /hello HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 200; ++i) many += fmt::format("X{}: 1\r\n", i);
  const std::pair<std::string, std::string> cases[] = {
      {"nonsense\r\n\r\n", "400"},
      {"GET /hello HTTP/1.1\r\n\r\n", "400"},                        // no Host
      {"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},  // two
      {"GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", "400"},            // space before the colon
      {"GET /hello HTTP/1.1\nHost: a\n\n", "505"},                   // bare line feeds: the version is "1.1\n"
      {"GET /hello HTTP/9.9\r\nHost: x\r\n\r\n", "505"},
      {"GET /" + big + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nX: " + big + "\r\n\r\n", "431"},
      {many + "\r\n", "431"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", "400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", "501"},
      {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 1\r\n\r\n", "400"},
  };
  for (const auto& [request, status] : cases) {
    auto stream = server_.connect();
    [[maybe_unused]] const auto sent = stream->write(request, StopSource::never(), soon());
    ASSERT_OK(stream->shutdown_write());
    EXPECT_THAT(testing::TestServer::read_to_end(*stream), StartsWith("HTTP/1.1 " + status + " ")) << request.substr(0, 200);
  }
  EXPECT_THAT(get("/hello"), StartsWith("HTTP/1.1 200 "));  // and lives on
}

TEST_F(ServerTest, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
  server_.start();
  const std::string echo = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n";
  const auto out =
      server_.exchange(echo + "one" + echo + "two" + "\r\n" + "POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde" +
                       "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto one = out.find("\r\n\r\none"), two = out.find("\r\n\r\ntwo"), ignored = out.find("204 No"), hello = out.find("\r\n\r\nhello");
  EXPECT_TRUE(one < two && two < ignored && ignored < hello && hello != std::string::npos) << out;
}

TEST_F(ServerTest, SpeaksHttp10) {
  server_.start();
  EXPECT_THAT(server_.exchange("GET /hello HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(server_.exchange("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello HTTP/1.0\r\n\r\n"),
              AllOf(HasSubstr("Connection: keep-alive\r\n"), HasSubstr("Connection: close\r\n")));
  EXPECT_THAT(server_.exchange("GET /stream HTTP/1.0\r\n\r\n"),
              AllOf(Not(HasSubstr("chunked")), ::testing::EndsWith("\r\n\r\n{\"a\":1}\n{\"a\":2}\n")));
}

TEST_F(ServerTest, StreamsInChunks) {
  server_.start();
  EXPECT_THAT(get("/stream"),
              AllOf(HasSubstr("Transfer-Encoding: chunked\r\n"), HasSubstr("\r\n\r\n8\r\n{\"a\":1}\n\r\n8\r\n{\"a\":2}\n\r\n0\r\n\r\n")));
  EXPECT_THAT(get("/broken"), AllOf(HasSubstr("4\r\npart\r\n"), Not(HasSubstr("0\r\n\r\n"))));  // an error cuts the stream
}

TEST_F(ServerTest, BodiesAreLimited) {
  server_.start();
  const std::string body(1001, 'a');
  EXPECT_THAT(server_.exchange("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + body), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(server_.exchange("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + body + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(server_.exchange("POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "2;x=y\r\nab\r\n1\r\nc\r\n0\r\nTrailer: t\r\n\r\n"),
              HasSubstr("\r\n\r\nabc"));
}

TEST_F(ServerTest, TellsAWaitingClientToGoOn) {
  server_.start();
  auto stream = server_.connect();
  ASSERT_OK(
      stream->write("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", StopSource::never(), soon()));
  EXPECT_EQ(testing::TestServer::read_until(*stream, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_OK(stream->write("ab", StopSource::never(), soon()));
  EXPECT_THAT(testing::TestServer::read_until(*stream, "ab"), StartsWith("HTTP/1.1 200 "));
  // A refusal comes instead of "go on", and the connection ends, since the body may come or not.
  EXPECT_THAT(server_.exchange("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 413 "), HasSubstr("Connection: close\r\n")));
}

TEST_F(ServerTest, SlowHeadersAreCutOff) {
  server_.options.header_timeout = 50ms;
  server_.start();
  auto stream = server_.connect();
  ASSERT_OK(stream->write("GET /hello HT", StopSource::never(), soon()));
  EXPECT_THAT(testing::TestServer::read_to_end(*stream), StartsWith("HTTP/1.1 408 "));
}

TEST_F(ServerTest, SlowBodiesAreCutOff) {
  server_.options.read_timeout = 50ms;
  server_.start();
  auto stream = server_.connect();
  ASSERT_OK(stream->write("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na", StopSource::never(), soon()));
  EXPECT_THAT(testing::TestServer::read_to_end(*stream), StartsWith("HTTP/1.1 408 "));
}

TEST_F(ServerTest, IdleConnectionsAreClosed) {
  server_.options.idle_timeout = 50ms;
  server_.start();
  auto stream = server_.connect();
  EXPECT_EQ(testing::TestServer::read_to_end(*stream), "");
}

TEST_F(ServerTest, AClientThatTakesNothingIsCutOff) {
  server_.options.write_timeout = 50ms;
  std::atomic<int> code = -1;
  StopSource over;
  server_.router.add("GET", "/flood", [&](Request&, ResponseWriter& out) -> Result<> {
    TRY(out.begin(200, "text/plain"));
    const std::string data(1 << 20, 'x');
    for (;;) {
      if (const auto written = out.write(data); !written) {
        code = static_cast<int>(written.error().code);
        over.request_stop();
        return written;
      }
    }
  });
  server_.start();
  auto stream = server_.connect();
  ASSERT_OK(stream->write("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n", StopSource::never(), soon()));
  EXPECT_FALSE(wait_until(over, soon()));
  server_.stop();  // the handler uses what stands on this stack
  EXPECT_EQ(code, static_cast<int>(Code::deadline_exceeded));
}

TEST_F(ServerTest, AStreamSeesThatItsClientIsGone) {
  StopSource gone;
  server_.router.add("GET", "/follow", [&](Request& in, ResponseWriter& out) -> Result<> {
    TRY(out.begin(200, "text/plain"));
    TRY(wait_any(in.stop(), soon(), {out.client_gone()}));
    gone.request_stop();
    return {};
  });
  server_.start();
  {
    auto stream = server_.connect();
    ASSERT_OK(stream->write("GET /follow HTTP/1.1\r\nHost: x\r\n\r\n", StopSource::never(), soon()));
    testing::TestServer::read_until(*stream, "\r\n\r\n");
  }
  EXPECT_FALSE(wait_until(gone, soon()));
  server_.stop();
}

TEST_F(ServerTest, KnowsWhoAsks) {
  server_.router.add("GET", "/who", [](Request& in, ResponseWriter& out) {
    return out.send(200, "text/plain", fmt::format("pid={} uid={}", in.peer()->pid, in.peer()->uid));
  });
  server_.start();
  EXPECT_THAT(get("/who"), HasSubstr(fmt::format("pid={} uid={}", ::getpid(), ::getuid())));
}

TEST_F(ServerTest, StopsGracefully) {
  StopSource inside;
  server_.router.add("GET", "/slow", [&](Request& in, ResponseWriter& out) -> Result<> {
    inside.request_stop();
    if (wait_until(in.stop(), soon())) return fail(Code::internal, "was not told to stop");
    return out.send(200, "text/plain", "finished");
  });
  server_.start();
  auto idle = server_.connect();
  auto busy = server_.connect();
  ASSERT_OK(busy->write("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", StopSource::never(), soon()));
  ASSERT_FALSE(wait_until(inside, soon()));
  server_.stop();
  EXPECT_THAT(testing::TestServer::read_to_end(*busy), HasSubstr("finished"));
  EXPECT_EQ(testing::TestServer::read_to_end(*idle), "");
  EXPECT_EQ(server_.server().connections(), 0u);
}

TEST_F(ServerTest, WhatDoesNotDrainIsCut) {
  server_.options.drain_timeout = 50ms;
  StopSource inside;
  server_.router.add("POST", "/upload", [&](Request& in, ResponseWriter&) -> Result<> {
    inside.request_stop();
    TRY(in.read_body());  // never ends by itself
    return {};
  });
  server_.start();
  auto busy = server_.connect();
  ASSERT_OK(busy->write("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", StopSource::never(), soon()));
  ASSERT_FALSE(wait_until(inside, soon()));
  server_.stop();
  EXPECT_EQ(server_.server().connections(), 0u);
}

TEST_F(ServerTest, CapsConnections) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 4096) GTEST_SKIP() << "needs 4096 descriptors, has " << limit.rlim_cur;
  server_.start();
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 1100; ++i) streams.push_back(server_.connect());
  int served = 0, refused = 0;
  for (auto& stream : streams) {
    [[maybe_unused]] const auto sent = stream->write("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", StopSource::never(), soon());
    const auto answer = testing::TestServer::read_until(*stream, "\r\n\r\n");
    if (answer.starts_with("HTTP/1.1 200 ")) ++served;
    if (answer.starts_with("HTTP/1.1 503 ") && answer.find("Retry-After: 1\r\n") != std::string::npos) ++refused;
  }
  EXPECT_EQ(served, 1024);
  EXPECT_EQ(refused, 76);
  streams.clear();
  // Room again, as soon as the ends were noticed.
  for (;;) {
    if (get("/hello").starts_with("HTTP/1.1 200 ")) break;
  }
}

}  // namespace
}  // namespace fulcrum::http
