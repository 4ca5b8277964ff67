#include "server/docker/image_remove.h"

#include <gtest/gtest.h>

namespace fulcrum::server::docker {
namespace {

const std::string kHex = "abcdefabcdef0123456789abcdef0123456789abcdef0123456789abcdef0123";
const std::string kDigest = "sha256:" + std::string(64, '1');

image::ImageRecord record(std::vector<std::string> tags, std::vector<std::string> digests = {}) {
  return {.id = image::ImageId("sha256:" + kHex), .tags = std::move(tags), .repo_digests = std::move(digests)};
}

std::string conflict(const RemovalFacts& facts, std::string_view reference, bool force = false) {
  const auto plan = plan_removal(facts, reference, force);
  return plan ? "" : plan.error().message;
}

TEST(ImageRemoval, ByNameTheLastNameTakesTheImage) {
  const auto one = record({"docker.io/library/a:1"});
  EXPECT_EQ(plan_removal({.record = one}, "a:1", false).value(), (RemovalPlan{.untag = {"docker.io/library/a:1"}, .remove = true}));
  const auto two = record({"docker.io/library/a:1", "docker.io/library/a:2"});
  EXPECT_EQ(plan_removal({.record = two}, "a:2", false).value(), (RemovalPlan{.untag = {"docker.io/library/a:2"}, .remove = false}));
}

TEST(ImageRemoval, TheLastTagOfARepositoryTakesItsDigests) {
  const auto image =
      record({"docker.io/library/a:1", "docker.io/library/b:1"}, {"docker.io/library/a@" + kDigest, "docker.io/library/b@" + kDigest});
  const auto plan = plan_removal({.record = image}, "a:1", false).value();
  EXPECT_EQ(plan.untag, (std::vector<std::string>{"docker.io/library/a:1", "docker.io/library/a@" + kDigest}));
  EXPECT_FALSE(plan.remove);
  const auto by_digest = plan_removal({.record = image}, "a@" + kDigest, false).value();
  EXPECT_EQ(by_digest.untag, std::vector<std::string>{"docker.io/library/a@" + kDigest});
}

TEST(ImageRemoval, ByIdAllNamesOfOneRepositoryGo) {
  const auto image = record({"docker.io/library/a:1"}, {"docker.io/library/a@" + kDigest});
  EXPECT_EQ(plan_removal({.record = image}, kHex.substr(0, 6), false).value().untag.size(), 2U);
  const auto spread = record({"docker.io/library/a:1", "docker.io/library/b:1"});
  EXPECT_EQ(conflict({.record = spread}, "sha256:" + kHex),
            "conflict: unable to delete abcdefabcdef (must be forced) - image is referenced in multiple repositories");
  EXPECT_TRUE(plan_removal({.record = spread}, kHex, true).value().remove);
}

TEST(ImageRemoval, AContainerKeepsItsImage) {
  const auto image = record({"docker.io/library/a:1"});
  const std::vector<ImageUser> stopped{{.container = std::string(64, 'c')}};
  const std::vector<ImageUser> running{{.container = std::string(64, 'd'), .running = true}};
  EXPECT_EQ(conflict({.record = image, .users = stopped}, "a:1"),
            "conflict: unable to remove repository reference \"a:1\" (must force) - container cccccccccccc is using its referenced image "
            "abcdefabcdef");
  EXPECT_EQ(conflict({.record = image, .users = stopped}, kHex),
            "conflict: unable to delete abcdefabcdef (must be forced) - image is being used by stopped container cccccccccccc");
  EXPECT_TRUE(plan_removal({.record = image, .users = stopped}, kHex, true).value().remove);
  EXPECT_EQ(conflict({.record = image, .users = running}, kHex, true),
            "conflict: unable to delete abcdefabcdef (cannot be forced) - image is being used by running container dddddddddddd");
  // By name and forced, the name goes; the image stays for who runs on it.
  EXPECT_EQ(plan_removal({.record = image, .users = running}, "a:1", true).value(),
            (RemovalPlan{.untag = {"docker.io/library/a:1"}, .remove = false}));
}

TEST(ImageRemoval, ChildrenKeepTheirParent) {
  const auto image = record({"docker.io/library/a:1"});
  EXPECT_EQ(conflict({.record = image, .has_children = true}, kHex, true),
            "conflict: unable to delete abcdefabcdef (cannot be forced) - image has dependent child images");
  EXPECT_FALSE(plan_removal({.record = image, .has_children = true}, "a:1", false).value().remove);
  EXPECT_FALSE(is_orphan({.record = image}));
  EXPECT_TRUE(is_orphan({.record = record({})}));
  EXPECT_FALSE(is_orphan({.record = record({}), .has_children = true}));
}

}  // namespace
}  // namespace fulcrum::server::docker
