#include "server/docker/exec_translation.h"

#include "base/testing.h"

namespace fulcrum::server::docker {
namespace {

using fulcrum::testing::ErrorIs;

api::docker::ExecConfig shell() { return {.cmd = {"sh", "-c", "true"}}; }

TEST(ExecSpec, TakesEveryField) {
  auto config = shell();
  config.attach_stdin = config.attach_stderr = config.tty = config.privileged = true;
  config.console_size = std::vector<std::uint16_t>{24, 80};
  config.detach_keys = "ctrl-x";
  config.env = {"A=b=c", "EMPTY=", "UNSET"};
  config.user = "1:2";
  config.working_dir = "/tmp";
  const api::ExecSpec wanted{.command = {{"sh", "-c", "true"}},
                             .env = {{{"A", "b=c"}, {"EMPTY", ""}, {"UNSET", std::nullopt}}},
                             .working_dir = "/tmp",
                             .user = "1:2",
                             .tty = true,
                             .stdin_open = true,
                             .stdout_open = false,
                             .stderr_open = true,
                             .privileged = true,
                             .console_size = {24, 80},
                             .detach_keys = "ctrl-x"};
  EXPECT_EQ(exec_spec(config).value(), wanted);
}

TEST(ExecSpec, RefusesWhatCannotBe) {
  EXPECT_THAT(exec_spec({}), ErrorIs(Code::invalid_argument, "No exec command specified"));
  auto config = shell();
  config.detach_keys = "ctrl-1";
  EXPECT_THAT(exec_spec(config), ErrorIs(Code::invalid_argument, "Invalid escape keys (ctrl-1) provided"));
  config = shell();
  config.working_dir = "relative";
  EXPECT_THAT(exec_spec(config), ErrorIs(Code::invalid_argument, "WorkingDir"));
  config = shell();
  config.env = {"=x"};
  EXPECT_THAT(exec_spec(config), ErrorIs(Code::invalid_argument, "invalid environment variable"));
  config = shell();
  config.console_size = std::vector<std::uint16_t>{1, 2, 3};
  EXPECT_THAT(exec_spec(config), ErrorIs(Code::invalid_argument, "ConsoleSize"));
}

TEST(ExecInspect, IsNullUntilItEnds) {
  api::Exec exec{.id = "e", .workload = "w", .spec = exec_spec(shell()).value()};
  EXPECT_EQ(exec_inspect(exec).running, false);
  EXPECT_EQ(exec_inspect(exec).exit_code, std::nullopt);
  exec.started = true;
  exec.pid = 7;
  EXPECT_EQ(exec_inspect(exec).running, true);
  EXPECT_EQ(exec_inspect(exec).process_config.entrypoint, "sh");
  EXPECT_EQ(exec_inspect(exec).process_config.arguments, (std::vector<std::string>{"-c", "true"}));
  exec.exit_code = 3;
  EXPECT_EQ(exec_inspect(exec).running, false);
  EXPECT_EQ(exec_inspect(exec).exit_code, 3);
  EXPECT_EQ(exec_inspect(exec).container_id, "w");
}

TEST(ExecInspect, DetachKeysAreTheirBytes) {
  api::Exec exec{.id = "e", .workload = "w", .spec = exec_spec(shell()).value()};
  exec.spec.detach_keys = "ctrl-p,ctrl-q";
  EXPECT_EQ(exec_inspect(exec).detach_keys, "EBE=");
}

TEST(ExecFailure, ReadsAsDockers) {
  const auto missing = exec_failure({Code::not_found, "exec: \"nosuch\": executable file not found in $PATH"});
  EXPECT_EQ(missing.message,
            "OCI runtime exec failed: exec failed: unable to start container process: exec: \"nosuch\": executable file not found in "
            "$PATH: unknown");
  EXPECT_EQ(missing.code, Code::invalid_argument);
  EXPECT_EQ(exec_failure({Code::internal, "broken"}).code, Code::internal);
}

}  // namespace
}  // namespace fulcrum::server::docker
