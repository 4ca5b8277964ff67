#include "server/docker/event_message.h"

#include <gtest/gtest.h>

namespace fulcrum::server::docker {
namespace {

api::Event event(std::string type, std::string action, std::string id, std::string name,
                 std::map<std::string, std::string> attributes = {}) {
  return {.time = Time{std::chrono::nanoseconds(1'700'000'000'000'000'005)},
          .type = std::move(type),
          .action = std::move(action),
          .id = std::move(id),
          .name = std::move(name),
          .attributes = std::move(attributes)};
}

Filters filters(const std::string& json) {
  auto parsed = Filters::parse(http::Query::parse("filters=" + json).value(),
                               {"container", "event", "image", "label", "network", "scope", "type", "volume"});
  EXPECT_TRUE(parsed) << json;
  return std::move(*parsed);
}

TEST(EventMessage, ContainersKeepTheOldFields) {
  const auto m = event_message(event("workload", "die", "abc", "web", {{"image", "box"}, {"name", "web"}, {"exitCode", "3"}}));
  EXPECT_EQ(m.type, "container");
  EXPECT_EQ(m.action, "die");
  EXPECT_EQ(m.status, "die");
  EXPECT_EQ(m.id, "abc");
  EXPECT_EQ(m.from, "box");
  EXPECT_EQ(m.actor.attributes.at("exitCode"), "3");
  EXPECT_EQ(m.time, 1'700'000'000);
  EXPECT_EQ(m.time_nano, 1'700'000'000'000'000'005);
}

TEST(EventMessage, WordsOfTheEngineBecomeDockers) {
  EXPECT_EQ(event_message(event("workload", "resume", "a", "w")).action, "unpause");
  EXPECT_EQ(event_message(event("workload", "health_status", "a", "w", {{"health", "healthy"}})).action, "health_status: healthy");
  const auto exec = event_message(event("workload", "exec_start", "a", "w", {{"execId", "e1"}, {"command", "sh -c true"}}));
  EXPECT_EQ(exec.action, "exec_start: sh -c true");
  EXPECT_EQ(exec.actor.attributes, (std::map<std::string, std::string>{{"execID", "e1"}}));
}

TEST(EventMessage, ImagesAreKnownByNameWhenTheyTravel) {
  const auto pull = event_message(event("image", "pull", "sha256:1", "r.example/a/b:2"));
  EXPECT_EQ(pull.actor.id, "r.example/a/b:2");
  EXPECT_EQ(pull.actor.attributes.at("name"), "r.example/a/b");
  EXPECT_EQ(pull.from, "");
  const auto tag = event_message(event("image", "tag", "sha256:1", "b:2"));
  EXPECT_EQ(tag.actor.id, "sha256:1");
  EXPECT_EQ(tag.actor.attributes.at("name"), "b:2");
  EXPECT_EQ(event_message(event("image", "delete", "sha256:1", "sha256:1")).actor.attributes.at("name"), "sha256:1");
}

TEST(EventMessage, NetworksNameTheContainer) {
  const auto m = event_message(event("network", "connect", "n1", "default", {{"workload", "web"}, {"workloadId", "abc"}}));
  EXPECT_EQ(m.actor.id, "n1");
  EXPECT_EQ(m.actor.attributes, (std::map<std::string, std::string>{{"container", "abc"}, {"name", "bridge"}, {"type", "bridge"}}));
  EXPECT_EQ(m.status, "");
}

TEST(EventFilters, EachKeyMustBeMet) {
  const auto die = event_message(event("workload", "die", "abcdef", "web", {{"image", "box:1"}, {"name", "web"}, {"role", "x"}}));
  const auto health = event_message(event("workload", "health_status", "abcdef", "web", {{"health", "healthy"}, {"name", "web"}}));
  for (const auto* yes :
       {"{}", R"({"event":["die","start"]})", R"({"type":["container"]})", R"({"container":["web"]})", R"({"container":["abc"]})",
        R"({"image":["box"]})", R"({"image":["box:1"]})", R"({"label":["role=x"]})", R"({"label":["role"]})", R"({"scope":["local"]})"})
    EXPECT_TRUE(wanted(filters(yes), die)) << yes;
  for (const auto* no :
       {R"({"event":["start"]})", R"({"event":["di"]})", R"({"type":["image"]})", R"({"container":["bcd"]})", R"({"image":["bo"]})",
        R"({"label":["role=y"]})", R"({"network":["n"]})", R"({"scope":["swarm"]})", R"({"event":["die"],"container":["other"]})"})
    EXPECT_FALSE(wanted(filters(no), die)) << no;
  EXPECT_TRUE(wanted(filters(R"({"event":["health_status"]})"), health));
  EXPECT_TRUE(wanted(filters(R"({"event":["health_status: healthy"]})"), health));
  EXPECT_FALSE(wanted(filters(R"({"event":["health_status: unhealthy"]})"), health));
}

}  // namespace
}  // namespace fulcrum::server::docker
