#include "image/registry/transport.h"

#include "base/testing.h"
#include "image/registry/scripted_server.h"

namespace fulcrum::image::registry {
namespace {

using fulcrum::testing::ErrorIs;
using testing::ScriptedServer;

Bounds soon() { return {.stop = StopSource::never(), .deadline = Deadline::in(std::chrono::seconds(20))}; }

TEST(Transport, BringsStatusHeadersAndBody) {
  const ScriptedServer server([](const auto&) { return "HTTP/1.1 200 OK\r\nX-A: one\r\nx-a:  two \r\nContent-Length: 5\r\n\r\nhello"; });
  const auto response = Transport().perform({.url = server.url("/x"), .headers = {"Accept: y"}}, soon());
  ASSERT_OK(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->headers.get("x-a"), "one");
  EXPECT_EQ(response->headers.all("x-a").size(), 2U);
  EXPECT_EQ(response->content_length, 5U);
  EXPECT_EQ(response->body, "hello");
  EXPECT_NE(server.requests().at(0).find("Accept: y\r\n"), std::string::npos);
}

TEST(Transport, StreamsSuccessAndKeepsErrors) {
  int status = 200;
  const ScriptedServer server([&](const auto&) { return fmt::format("HTTP/1.1 {} X\r\nContent-Length: 4\r\n\r\nbody", status); });
  std::string streamed;
  int heads = 0;
  Request request{.url = server.url("/")};
  request.on_head = [&](const Response& head) -> Result<> {
    heads += head.content_length == 4U;
    return {};
  };
  request.on_data = [&](std::string_view data) -> Result<> {
    streamed += data;
    return {};
  };
  EXPECT_TRUE(Transport().perform(request, soon()).value().body.empty());
  EXPECT_EQ(streamed, "body");
  status = 404;
  EXPECT_EQ(Transport().perform(request, soon()).value().body, "body");
  EXPECT_EQ(streamed, "body");
  EXPECT_EQ(heads, 1);
}

TEST(Transport, CallbacksEndAnExchangeWithTheirError) {
  const ScriptedServer server([](const auto&) { return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"; });
  Request request{.url = server.url("/")};
  request.on_data = [](std::string_view) -> Result<> { return fail(Code::data_loss, "no"); };
  EXPECT_THAT(Transport().perform(request, soon()), ErrorIs(Code::data_loss, "no"));
  request.on_head = [](const Response&) -> Result<> { return fail(Code::aborted, "head"); };
  EXPECT_THAT(Transport().perform(request, soon()), ErrorIs(Code::aborted, "head"));
}

TEST(Transport, LimitsBodies) {
  int status = 200;
  const ScriptedServer server([&](const auto&) { return fmt::format("HTTP/1.1 {} X\r\n\r\n{}", status, std::string(100'000, 'x')); });
  EXPECT_THAT(Transport().perform({.url = server.url("/"), .body_limit = 1000}, soon()), ErrorIs(Code::resource_exhausted, "1000"));
  status = 500;
  EXPECT_EQ(Transport().perform({.url = server.url("/"), .body_limit = 1000}, soon()).value().body.size(), std::size_t{64} << 10);
}

TEST(Transport, NamesCutsAndRefusals) {
  const ScriptedServer server([](const auto&) { return "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nbody"; });
  const auto cut = Transport().perform({.url = server.url("/")}, soon());
  ASSERT_THAT(cut, ErrorIs(Code::unavailable, "cut"));
  EXPECT_EQ(cut.error().sys_errno, ECONNRESET);
  const auto refused = Transport().perform({.url = "http://127.0.0.1:1/"}, soon());
  ASSERT_THAT(refused, ErrorIs(Code::unavailable));
  EXPECT_EQ(refused.error().sys_errno, ECONNREFUSED);
  EXPECT_THAT(Transport().perform({.url = "https://" + server.host() + "/"}, soon()), ErrorIs(Code::failed_precondition, "TLS"));
}

TEST(Transport, IsEndedByStopSiblingAndDeadline) {
  const ScriptedServer server([](const auto&) { return "hang"; });
  const StopSource stop;
  const std::jthread later([&] {
    (void)wait_until(StopSource::never(), Deadline::in(std::chrono::milliseconds(50)));
    stop.request_stop();
  });
  EXPECT_THAT(Transport().perform({.url = server.url("/")}, {.stop = stop}), ErrorIs(Code::cancelled));
  EXPECT_THAT(Transport().perform({.url = server.url("/")}, {.stop = StopSource::never(), .group = stop}), ErrorIs(Code::cancelled));
  const Bounds short_one{.stop = StopSource::never(), .deadline = Deadline::in(std::chrono::milliseconds(50))};
  EXPECT_THAT(Transport().perform({.url = server.url("/")}, short_one), ErrorIs(Code::deadline_exceeded));
}

TEST(Transport, RefusesInjectedHeaders) {
  EXPECT_THAT(Transport().perform({.url = "http://127.0.0.1:1/", .headers = {"A: b\r\nC: d"}}, soon()), ErrorIs(Code::invalid_argument));
}

}  // namespace
}  // namespace fulcrum::image::registry
