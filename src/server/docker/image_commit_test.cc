#include "server/docker/image_commit.h"

#include <gtest/gtest.h>

namespace fulcrum::server::docker {
namespace {

using Words = std::vector<std::string>;

oci::ImageRunConfig base() {
  return {.user = "app", .env = {"PATH=/bin", "A=1"}, .entrypoint = {"/entry"}, .cmd = {"serve"}, .labels = {{"of", "image"}}};
}

TEST(CommittedConfig, WhatTheContainerWasMadeWithGoesOverItsImage) {
  api::WorkloadSpec spec;
  spec.command.words = {"other"};
  spec.env.variables = {{"A", "2"}, {"B", "3"}, {"PATH", std::nullopt}};
  spec.labels = {{"mine", "x"}};
  spec.working_dir = "/w";
  spec.ports = {{.port = 80, .count = 2}};
  spec.expose = {"53/udp", "90"};
  spec.volumes = {{.type = "volume", .target = "/data"}, {.type = "volume", .source = "named", .target = "/n"}};
  const auto config = committed_config(spec, base());
  EXPECT_EQ(config.entrypoint, Words{"/entry"});
  EXPECT_EQ(config.cmd, Words{"other"});
  EXPECT_EQ(config.env, (Words{"A=2", "B=3"}));
  EXPECT_EQ(config.user, "app");
  EXPECT_EQ(config.working_dir, "/w");
  EXPECT_EQ(config.labels.size(), 2U);
  EXPECT_EQ(config.exposed_ports.size(), 4U);
  EXPECT_TRUE(config.exposed_ports.contains("81/tcp") && config.exposed_ports.contains("90/tcp"));
  EXPECT_TRUE(config.volumes.contains("/data"));
  EXPECT_EQ(config.volumes.size(), 1U);
}

TEST(CommittedConfig, AnEntrypointOfItsOwnDropsTheImagesCommand) {
  api::WorkloadSpec spec;
  spec.entrypoint = api::Command{.words = {"/mine"}};
  const auto config = committed_config(spec, base());
  EXPECT_EQ(config.entrypoint, Words{"/mine"});
  EXPECT_TRUE(config.cmd.empty());
}

TEST(MergedConfig, ARequestSaysOnlyWhatItChanges) {
  EXPECT_EQ(merged_config({}, base()), base());
  const auto config =
      merged_config({.user = "root", .env = {"A=9"}, .cmd = api::docker::Words{.words = {"new"}}, .labels = {{"of", "request"}}}, base());
  EXPECT_EQ(config.user, "root");
  EXPECT_EQ(config.env, (Words{"PATH=/bin", "A=9"}));
  EXPECT_EQ(config.cmd, Words{"new"});
  EXPECT_EQ(config.entrypoint, Words{"/entry"});
  EXPECT_EQ(config.labels.at("of"), "request");
}

}  // namespace
}  // namespace fulcrum::server::docker
