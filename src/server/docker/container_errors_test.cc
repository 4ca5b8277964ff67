#include "server/docker/container_errors.h"

#include <gtest/gtest.h>

namespace fulcrum::server::docker {
namespace {

TEST(StartFailure, SaysWhatTheCommandLineExitsWith) {
  const auto missing = start_failure({Code::not_found, "exec: \"nosuch\": executable file not found in $PATH"}, 127);
  EXPECT_EQ(missing.code, Code::invalid_argument);
  EXPECT_NE(missing.message.find("executable file not found"), std::string::npos);
  EXPECT_EQ(missing.message.find("no such file"), std::string::npos) << "said once is enough";

  const auto path = start_failure({Code::not_found, "exec /nosuch: No such file or directory"}, 127);
  EXPECT_NE(path.message.find("no such file or directory"), std::string::npos) << path.message;

  const auto denied = start_failure({Code::permission_denied, "exec /etc/passwd: Permission denied"}, 126);
  EXPECT_EQ(denied.code, Code::invalid_argument);
  EXPECT_NE(denied.message.find("permission denied"), std::string::npos) << denied.message;

  const auto other = start_failure({Code::failed_precondition, "the port is taken"}, 125);
  EXPECT_EQ(other.code, Code::internal);
  EXPECT_EQ(other.message, "failed to create task for container: the port is taken");

  const Error untried{Code::failed_precondition, "it is being removed"};
  EXPECT_EQ(start_failure(untried, 0), untried);
}

TEST(WhyNotRemovable, NamesTheState) {
  api::Workload container;
  container.status.phase = api::Phase::running;
  ASSERT_TRUE(why_not_removable(container));
  EXPECT_EQ(why_not_removable(container)->message, "container is running: stop the container before removing or force remove");
  container.status.phase = api::Phase::paused;
  EXPECT_EQ(why_not_removable(container)->message, "container is paused and must be unpaused first");
  container.status.phase = api::Phase::restarting;
  EXPECT_EQ(why_not_removable(container)->message, "container is restarting: stop the container before removing or force remove");
  container.status.phase = api::Phase::stopped;
  EXPECT_FALSE(why_not_removable(container));
  container.status.phase = api::Phase::created;
  EXPECT_FALSE(why_not_removable(container));
}

}  // namespace
}  // namespace fulcrum::server::docker
