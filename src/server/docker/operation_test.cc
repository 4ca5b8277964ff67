#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "server/docker/engine_operations.h"

namespace fulcrum::server::docker {
namespace {

TEST(ApiVersion, IsTwoNumbers) {
  EXPECT_EQ(ApiVersion::parse("1.41"), (ApiVersion{1, 41}));
  EXPECT_LT((ApiVersion{1, 9}), (ApiVersion{1, 41}));
  for (const auto* bad : {"", "1", "1.", ".1", "1.4x", "1.-4", "a.b"}) EXPECT_FALSE(ApiVersion::parse(bad)) << bad;
}

/// The page in docs/ is what the tables say. FULCRUM_WRITE_DOCS=1 writes it.
TEST(Operations, PageInDocs) {
  const std::string path = FULCRUM_SOURCE_DIR "/docs/generated/docker-operations.md";
  if (std::getenv("FULCRUM_WRITE_DOCS") != nullptr) {
    std::ofstream(path) << operations_page();
    return;
  }
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, operations_page()) << "run with FULCRUM_WRITE_DOCS=1";
}

}  // namespace
}  // namespace fulcrum::server::docker
