#include "control/waiting_clients.h"

#include <sys/socket.h>

#include "control/testing.h"

namespace fulcrum::control {
namespace {

using namespace control::testing;
using fulcrum::testing::ErrorIs;

struct Pair {
  UniqueFd client, server;
};

Pair connection() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string received(const UniqueFd& fd) {
  char buffer[256];
  const auto got = ::recv(fd.get(), buffer, sizeof buffer, 0);
  return got < 0 ? "(nothing)" : std::string(buffer, static_cast<std::size_t>(got));
}

TEST(WaitingClients, AreTakenInOrderAndOnce) {
  WaitingClients waiting;
  auto first = connection();
  auto second = connection();
  const int numbers[] = {first.server.get(), second.server.get()};
  ASSERT_OK(waiting.add("a", {.fd = std::move(first.server), .format = {}}));
  ASSERT_OK(waiting.add("a", {.fd = std::move(second.server), .format = {}}));
  EXPECT_EQ(waiting.take("b").size(), 0U);
  const auto taken = waiting.take("a");
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].fd.get(), numbers[0]);
  EXPECT_EQ(taken[1].fd.get(), numbers[1]);
  EXPECT_EQ(waiting.take("a").size(), 0U);
}

TEST(WaitingClients, WhoHungUpGivesWayAndTheRestIsBounded) {
  WaitingClients waiting;
  std::vector<UniqueFd> clients;
  for (std::size_t i = 0; i < WaitingClients::kMost; ++i) {
    auto pair = connection();
    ASSERT_OK(waiting.add("a", {.fd = std::move(pair.server), .format = {}}));
    clients.push_back(std::move(pair.client));
  }
  auto more = connection();
  EXPECT_THAT(waiting.add("a", {.fd = std::move(more.server), .format = {}}), ErrorIs(Code::resource_exhausted));
  ::shutdown(clients[0].get(), SHUT_WR);  // only its input is over
  auto again = connection();
  EXPECT_THAT(waiting.add("a", {.fd = std::move(again.server), .format = {}}), ErrorIs(Code::resource_exhausted));
  clients[1].reset();
  auto third = connection();
  EXPECT_OK(waiting.add("a", {.fd = std::move(third.server), .format = {}}));
}

class WaitingForStart : public ::testing::Test {
 protected:
  WaitingForStart() { world_.images.add("box"); }
  std::string key() { return workload_key(harness_.get("a").metadata.uid); }
  UniqueFd wait_for_start() {
    auto pair = connection();
    EXPECT_OK(harness_.parts_.waiting.add(key(), {.fd = std::move(pair.server), .format = {.framed_output = false}}));
    return std::move(pair.client);
  }
  void start() {
    harness_.change("a", [](auto& w) {
      w.intent.state = "running";
      ++w.intent.starts;
    });
    harness_.settle();
  }
  World world_;
  Harness harness_{world_};
};

TEST_F(WaitingForStart, SeesTheFirstByte) {
  harness_.add(spec("a", {{"fake/output", "hello"}}), false);
  harness_.settle();
  const auto client = wait_for_start();
  EXPECT_EQ(received(client), "(nothing)");
  start();
  EXPECT_EQ(received(client), "hello");
}

TEST_F(WaitingForStart, EndsWithAStartThatFails) {
  harness_.add(spec("a", {{"fake/fail-create", "not_found"}}), false);
  harness_.settle();
  const auto client = wait_for_start();
  start();
  EXPECT_EQ(harness_.get("a").status.phase, Phase::failed);
  EXPECT_EQ(received(client), "") << "closed";
}

TEST_F(WaitingForStart, EndsWithTheWorkload) {
  harness_.add(spec("a"), false);
  harness_.settle();
  const auto client = wait_for_start();
  harness_.change("a", [&](auto& w) { w.metadata.deleting = world_.clock.now(); });
  harness_.settle();
  EXPECT_EQ(received(client), "") << "closed";
}

}  // namespace
}  // namespace fulcrum::control
