// How the sandbox suite makes workloads behave, for each kind of sandbox.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/testing.h"
#include "sandbox/fake/fake_sandbox.h"
#include "sandbox/namespace/namespace_sandbox.h"

namespace fulcrum::sandbox {

/// What a test workload does.
struct Behaviour {
  std::string output;    ///< printed first
  bool forever = false;  ///< then runs until it is signalled; else ends at once with:
  int exit_code = 0;
  bool ignore_term = false;
};

/// Scripts in annotations; no privilege needed.
class FakeFixture {
 public:
  static const char* skip_reason() { return nullptr; }
  Sandbox& sandbox() { return *sandbox_; }
  /// As after a restart of the daemon.
  void reopen() { sandbox_ = std::make_unique<FakeSandbox>(machine_); }
  Plan plan(const std::string& id, const Behaviour& behaviour);
  api::ExecSpec exec_spec(int exit_code, const std::string& output);
  /// What is left outside the folders after everything was removed; empty: nothing.
  std::vector<std::string> leaks() { return {}; }
  static constexpr bool kReal = false;

 private:
  testing::TemporaryDirectory directory_;
  FakeMachine machine_{directory_.path()};
  std::unique_ptr<FakeSandbox> sandbox_ = std::make_unique<FakeSandbox>(machine_);
};

/// Real containers of busybox; needs root.
class NamespaceFixture {
 public:
  NamespaceFixture();
  ~NamespaceFixture();
  static const char* skip_reason();
  Sandbox& sandbox() { return *sandbox_; }
  void reopen();
  Plan plan(const std::string& id, const Behaviour& behaviour);
  /// A plan that runs `sh -c script`.
  Plan shell(const std::string& id, const std::string& script);
  api::ExecSpec exec_spec(int exit_code, const std::string& output);
  std::vector<std::string> leaks();
  const NamespaceConfig& config() const { return config_; }
  std::string layer() const { return directory_ / "layer"; }
  static constexpr bool kReal = true;

 private:
  testing::TemporaryDirectory directory_;
  NamespaceConfig config_;
  std::unique_ptr<NamespaceSandbox> sandbox_;
};

/// One end for the sandbox, one for the test.
struct ClientPair {
  UniqueFd ours, theirs;
};
ClientPair make_client();
/// All frames until the end of the stream, within 20 s: per type, payloads joined.
struct Received {
  std::string out, err, exit, error;
};
Received receive_frames(int fd);
std::string receive_raw(int fd);

/// Waits for watch() to become ready, then observes.
Observed wait_stopped(Sandbox& sandbox, const WorkloadId& id);
/// The texts of a workload's log, records without their heads.
std::string log_text(Sandbox& sandbox, const WorkloadId& id);

}  // namespace fulcrum::sandbox
