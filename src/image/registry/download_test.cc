#include "image/registry/download.h"

#include <charconv>

#include "base/testing.h"
#include "image/registry/client.h"
#include "image/registry/scripted_server.h"
#include "image/registry/upload.h"

namespace fulcrum::image::registry {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::TemporaryDirectory;
using testing::ScriptedServer;

TEST(ContentRange, IsCheckedAgainstTheSize) {
  EXPECT_EQ(parse_content_range("bytes 5-9/10", 10), 5U);
  EXPECT_EQ(parse_content_range("bytes 5-9/*", 10), 5U);
  EXPECT_EQ(parse_content_range("bytes 0-0/1", 1), 0U);
  for (const char* text : {"", "bytes", "bytes 5-10/10", "bytes 5-4/10", "bytes 5-9/11", "bytes 5-9", "bytes */10", "bytes 5-9/10x",
                           "5-9/10", "bytes -5-9/10", "bytes 99999999999999999999-9/10"}) {
    EXPECT_EQ(parse_content_range(text, 10), std::nullopt) << text;
  }
}

TEST(UploadRange, SaysHowMuchHasArrived) {
  EXPECT_EQ(parse_upload_range("0-99"), 100U);
  EXPECT_EQ(parse_upload_range("bytes=0-99"), 100U);
  EXPECT_EQ(parse_upload_range("0-0"), 0U);
  for (const char* text : {"", "1-2", "0-", "0-x", "0-5x", "0--1", "0-18446744073709551615"})
    EXPECT_EQ(parse_upload_range(text), std::nullopt) << text;
}

/// A script that serves one blob and cuts every answer after `step` bytes.
std::string cut_answer(const std::string& head, const std::string& content, std::size_t step) {
  std::size_t first = 0;
  if (const auto at = head.find("Range: bytes="); at != std::string::npos) {
    std::from_chars(head.data() + at + 13, head.data() + head.size(), first);
    return fmt::format("HTTP/1.1 206 P\r\nContent-Range: bytes {}-{}/{}\r\nContent-Length: {}\r\n\r\n{}", first, content.size() - 1,
                       content.size(), content.size() - first, content.substr(first, step));
  }
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", content.size(), content.substr(0, step));
}

class DownloadTest : public ::testing::Test {
 protected:
  Result<> fetch(const std::vector<Endpoint>& endpoints, const StopSource& stop = StopSource::never()) {
    Session session(shared);
    return download(session, in_flight, {endpoints, "x", blob}, store, {},
                    {.stop = stop, .deadline = Deadline::in(std::chrono::seconds(20))});
  }
  static Endpoint at(const ScriptedServer& server) { return {.base = Url::parse(server.url("/")).value(), .domain = server.host()}; }

  TemporaryDirectory folder;
  ContentStore store = ContentStore::open(folder / "store").value();
  std::string content = std::string(1000, 'a') + std::string(1000, 'b');
  oci::Descriptor blob{.digest = digest_of(content), .size = 2000};
  Shared shared{Options{.retry = {.tries = 3, .base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(2)}}};
  InFlight in_flight;
};

TEST_F(DownloadTest, ResumesWhereTheStreamWasCut) {
  const ScriptedServer server([&](const auto& head) { return cut_answer(head, content, 900); });
  ASSERT_OK(fetch({at(server)}));
  EXPECT_EQ(store.read(blob.digest).value(), content);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_NE(requests[1].find("Range: bytes=900-"), std::string::npos);
  EXPECT_NE(requests[2].find("Range: bytes=1800-"), std::string::npos);
}

TEST_F(DownloadTest, SmallStepsCountAsTriesAndAreKeptForTheNext) {
  const ScriptedServer server([&](const auto& head) { return cut_answer(head, content, 300); });
  EXPECT_THAT(fetch({at(server)}), ErrorIs(Code::unavailable, "3 tries"));
  EXPECT_FALSE(store.contains(blob.digest));
  (void)fetch({at(server)});
  ASSERT_OK(fetch({at(server)}));
  EXPECT_EQ(store.read(blob.digest).value(), content);
}

TEST_F(DownloadTest, ASecondEndpointIsAskedWhenTheFirstLies) {
  const ScriptedServer liar([&](const auto& head) { return cut_answer(head, std::string(2000, 'x'), 2000); });
  const ScriptedServer lacking([](const auto&) { return "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"; });
  const ScriptedServer honest([&](const auto& head) { return cut_answer(head, content, 2000); });
  EXPECT_THAT(fetch({at(liar)}), ErrorIs(Code::data_loss));
  ASSERT_OK(fetch({at(liar), at(lacking), at(honest)}));
  EXPECT_EQ(store.read(blob.digest).value(), content);
}

TEST_F(DownloadTest, IsDoneOnceForTwoThatWantIt) {
  const ScriptedServer server([&](const auto& head) { return cut_answer(head, content, 2000); });
  {
    const std::jthread other([&] { EXPECT_OK(fetch({at(server)})); });
    EXPECT_OK(fetch({at(server)}));
  }
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(DownloadTest, StopEndsItAndKeepsNoVisibleBlob) {
  const ScriptedServer server([](const auto&) { return "hang"; });
  const StopSource stop;
  const std::jthread later([&] {
    (void)wait_until(StopSource::never(), Deadline::in(std::chrono::milliseconds(50)));
    stop.request_stop();
  });
  EXPECT_THAT(fetch({at(server)}, stop), ErrorIs(Code::cancelled));
  EXPECT_FALSE(store.contains(blob.digest));
}

TEST(InFlight, WaitsForTheOtherUnlessStopped) {
  InFlight in_flight;
  const Digest digest("sha256:x");
  const StopSource fired;
  fired.request_stop();
  auto ticket = in_flight.enter(digest, {.stop = StopSource::never()}).value();
  EXPECT_THAT(in_flight.enter(digest, {.stop = fired}), ErrorIs(Code::cancelled));
  EXPECT_THAT(in_flight.enter(digest, {.stop = StopSource::never(), .group = fired}), ErrorIs(Code::cancelled));
  EXPECT_OK(in_flight.enter(Digest("sha256:y"), {.stop = StopSource::never()}));
  ticket.reset();
  EXPECT_OK(in_flight.enter(digest, {.stop = StopSource::never()}));
}

TEST(Client, RefusesWhatMakesNoSenseBeforeAnythingIsSent) {
  Client client({.mirrors = {{"h.x", {"https://m.x/prefix"}}}});
  TemporaryDirectory folder;
  const auto store = ContentStore::open(folder / "s").value();
  EXPECT_THAT(client.pull(Reference::parse("h.x/a").value(), store, {}, {}, StopSource::never()),
              ErrorIs(Code::invalid_argument, "has a path"));
  EXPECT_THAT(client.remove(Reference::parse("h.x/a").value(), StopSource::never(), {}),
              ErrorIs(Code::invalid_argument, "digest is needed"));
  EXPECT_THAT(client.login("h.x", {}, StopSource::never(), {}), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(client.push(Reference::parse("h.x/a").value(), Digest("sha256:" + std::string(64, '0')), store, {}, {}, StopSource::never()),
              ErrorIs(Code::failed_precondition, "not stored"));
}

}  // namespace
}  // namespace fulcrum::image::registry
