#include "server/docker/image_view.h"

#include <gtest/gtest.h>

#include "server/docker/image_support.h"

namespace fulcrum::server::docker {
namespace {

image::ImageRecord record() {
  image::ImageRecord record;
  record.id = image::ImageId("sha256:" + std::string(64, 'a'));
  record.layers = {{.diff_id = Digest("sha256:" + std::string(64, '1'))}, {.diff_id = Digest("sha256:" + std::string(64, '2'))}};
  record.tags = {"docker.io/library/nginx:latest"};
  record.repo_digests = {"localhost:5000/nginx@sha256:" + std::string(64, 'b')};
  record.size = 42;
  return record;
}

TEST(ImageView, NamesAreFamiliar) {
  const auto summary = image_summary(record(), {.created = "2024-01-01T00:00:00.9Z"});
  EXPECT_EQ(summary.repo_tags, std::vector<std::string>{"nginx:latest"});
  EXPECT_EQ(summary.created, 1704067200);
  EXPECT_EQ(summary.shared_size, -1);
  EXPECT_EQ(summary.containers, -1);
  EXPECT_FALSE(summary.labels);
}

TEST(ImageView, OldVersionsHadVirtualSizeAndNoneForNameless) {
  auto summary = image_summary({.size = 7}, {});
  auto newest = summary;
  adapt(newest, kMaxVersion);
  EXPECT_EQ(newest, summary);
  adapt(summary, {1, 42});
  EXPECT_EQ(summary.virtual_size, 7);
  EXPECT_EQ(summary.repo_tags, std::vector<std::string>{"<none>:<none>"});
  auto between = image_summary({.size = 7}, {});
  adapt(between, {1, 43});
  EXPECT_TRUE(between.repo_tags.empty());
  EXPECT_TRUE(between.virtual_size);
}

TEST(ImageView, InspectHasTheContainerConfigOfOldVersions) {
  const auto newest = image_inspect(record(), {}, {"/l/2", "/l/1"}, kMaxVersion);
  EXPECT_FALSE(newest.container_config);
  EXPECT_FALSE(newest.created);
  EXPECT_EQ(newest.graph_driver.data.at("UpperDir"), "/l/2");
  EXPECT_EQ(newest.graph_driver.data.at("LowerDir"), "/l/1");
  EXPECT_EQ(newest.metadata.last_tag_time, "0001-01-01T00:00:00Z");
  const auto old = image_inspect(record(), {}, {}, {1, 43});
  EXPECT_TRUE(old.container_config);
  EXPECT_EQ(old.created, "0001-01-01T00:00:00Z");
  EXPECT_EQ(old.virtual_size, 42);
  EXPECT_FALSE(image_inspect(record(), {}, {}, {1, 44}).virtual_size);
  EXPECT_TRUE(image_inspect(record(), {}, {}, {1, 44}).container);
}

TEST(ImageView, HistoryNamesTheImagesThatAreKnown) {
  const std::vector<image::ImageRecord> lineage{record()};
  const auto items = image_history({{.created_by = "second"}, {.created_by = "first"}}, lineage);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].id, record().id.str());
  EXPECT_EQ(items[0].tags, std::vector<std::string>{"nginx:latest"});
  EXPECT_EQ(items[1].id, "<missing>");
  EXPECT_FALSE(items[1].tags);
}

TEST(ImageView, ReferencePatternsStopAtSlashes) {
  const std::string name = "docker.io/library/nginx:1.25";
  const auto matches = [](const std::string& stored, const char* pattern) {
    return reference_matches(stored, {image::build::Glob::compile(pattern).value()});
  };
  EXPECT_TRUE(matches(name, "nginx"));
  EXPECT_TRUE(matches(name, "ngin*:1.*"));
  EXPECT_TRUE(matches(name, "docker.io/library/nginx"));
  EXPECT_TRUE(matches(name, "*/*/nginx:1.25"));
  EXPECT_FALSE(matches(name, "nginx:1.24"));
  EXPECT_FALSE(matches("localhost:5000/a/b:1", "*"));
  EXPECT_FALSE(reference_matches(name, {}));
}

TEST(ImageView, AChainNamesALayerWithAllBelowIt) {
  const auto chains = chain_ids(record());
  ASSERT_EQ(chains.size(), 2U);
  EXPECT_EQ(chains[0], record().layers[0].diff_id.str());
  EXPECT_EQ(chains[1].size(), 71U);
  EXPECT_NE(chains[1], record().layers[1].diff_id.str());
}

}  // namespace
}  // namespace fulcrum::server::docker
