#include "control/build/step_runner.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/log.h"
#include "control/workload/attachments.h"
#include "sandbox/stream/frame.h"

namespace fulcrum::control {

using image::build::BuildHost;
using image::build::RunStep;
using image::build::StepOutcome;

namespace {

/// The same for every step, so that what a step writes of it is the same.
constexpr const char* kHostname = "build";
constexpr std::int64_t kRun = 1;

/// The first and only run's command and surroundings, as an image would say them.
std::string step_config(const RunStep& step) {
  auto config = step.config;
  config.config.entrypoint.clear();
  config.config.cmd = step.words;
  config.config.volumes.clear();
  config.config.healthcheck.reset();
  return oci::to_json(config);
}

/// Reads frames and hands on what they carry, until the last one or the end of the stream.
class FrameSource {
 public:
  FrameSource(int fd, const StopSource& stop) : fd_(fd), stop_(stop) {}

  /// True: output was handed on. False: that was all.
  Result<bool> next(const BuildHost::Output& output) {
    std::array<char, sandbox::kFrameHeader> bytes;
    if (!TRY(read(bytes.data(), bytes.size()))) return false;
    const auto header = sandbox::parse_frame_header({bytes.data(), bytes.size()});
    if (!header) return fail(Code::internal, "the step's output is no stream of frames");
    payload_.resize(header->length);
    if (!TRY(read(payload_.data(), payload_.size()))) return false;
    switch (header->type) {
      case sandbox::FrameType::output: TRY(output(false, payload_)); return true;
      case sandbox::FrameType::error_output: TRY(output(true, payload_)); return true;
      case sandbox::FrameType::exit:
      case sandbox::FrameType::error: return false;
      case sandbox::FrameType::input:
      case sandbox::FrameType::resize:
      case sandbox::FrameType::signal: break;
    }
    return true;
  }

 private:
  /// False at the end of the stream.
  Result<bool> read(char* data, std::size_t size) {
    for (std::size_t done = 0; done < size;) {
      TRY(wait_any(stop_, Deadline::never(), {{fd_, POLLIN}}));
      const auto got = ::recv(fd_, data + done, size - done, MSG_DONTWAIT);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0 && errno != ECONNRESET) return fail_errno(errno, "read a step's output");
      if (got <= 0) return false;
      done += static_cast<std::size_t>(got);
    }
    return true;
  }

  int fd_;
  const StopSource& stop_;
  std::string payload_;
};

}  // namespace

Result<> StepRunner::check() const {
  const auto spec = workload(std::string(64, '0'), {.lowers = {}, .config = {}, .words = {"true"}, .network = {}}).spec;
  TRY(parts_.topologies.check(spec));
  const auto& network = spec.network;
  if (network.empty() || network == "none" || network == "host") return {};
  if (network.starts_with("container:")) {
    TRY(parts_.objects.find(network.substr(10)), "network {}", network);
    return {};
  }
  TRY(ensure_network(parts_, network));
  return {};
}

std::string StepRunner::new_run() {
  auto run = new_uid();
  parts_.transients.add(run);
  return run;
}

api::Workload StepRunner::workload(const std::string& run, const RunStep& step) const {
  api::Workload workload;
  workload.metadata.uid = run;
  auto& spec = workload.spec;
  spec.name = "build-" + short_id(run);
  spec.image = "build";
  spec.hostname = kHostname;
  spec.network = step.network.empty() ? limits_.network : step.network;
  if (spec.network == "default") spec.network.clear();
  if (spec.network == "host") spec.hostname.clear();
  spec.extra_hosts = limits_.extra_hosts;
  spec.resources = limits_.resources;
  spec.cgroup_parent = limits_.cgroup_parent;
  spec.log.driver = "none";
  return workload;
}

Result<> StepRunner::create(const api::Workload& workload, const RunStep& step, const StopSource& stop) {
  const WorkloadId id(workload.metadata.uid);
  const auto endpoints = TRY(reserve_endpoints(parts_, workload, step.config));
  sandbox::Plan plan{.id = id,
                     .name = workload.spec.name,
                     .run = kRun,
                     .spec = workload.spec,
                     .image_config = step_config(step),
                     .layer_dirs = step.lowers};
  plan.joins = TRY(resolve_joins(parts_, workload));
  TRY(fill_names(parts_, workload, plan));
  TRY(sandbox_.create(plan, stop));
  if (endpoints.empty()) return {};
  const auto netns = TRY(sandbox_.network_namespace(id));
  return plug_endpoints(parts_, endpoints, netns.get());
}

Result<sandbox::Exit> StepRunner::follow(const WorkloadId& id, UniqueFd stream, const BuildHost::Output& output, const StopSource& stop) {
  FrameSource frames(stream.get(), stop);
  while (TRY(frames.next(output))) {
  }
  for (;;) {
    const auto ended = TRY(sandbox_.watch(id));
    const auto seen = TRY(sandbox_.observe(id));
    if (seen.state == sandbox::State::stopped && seen.exit) return *seen.exit;
    if (seen.state == sandbox::State::absent) return fail(Code::internal, "the step's container is gone");
    TRY(wait_any(stop, Deadline::never(), {{ended.get(), POLLIN}}));
  }
}

Result<StepOutcome> StepRunner::run(const std::string& run, const RunStep& step, const BuildHost::Output& output, const StopSource& stop) {
  const WorkloadId id(run);
  const auto planned = workload(run, step);
  TRY(create(planned, step, stop));
  std::array<int, 2> pair{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return fail_errno(errno, "make a socket pair");
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  TRY(sandbox_.attach(id, std::move(theirs), {.framed_input = true}));
  TRY(sandbox_.start(id));
  const auto exit = TRY(follow(id, std::move(ours), output, stop));
  TRY(parts_.networks.detach_all(id));
  TRY(sandbox_.remove(id, true));  // nobody mounts the upper folder any more
  return StepOutcome{.exit_code = exit.code, .error = exit.error, .upper = TRY(sandbox_.upper(id))};
}

void StepRunner::discard(const std::string& run) {
  const WorkloadId id(run);
  const auto detached = parts_.networks.detach_all(id);
  const auto removed = sandbox_.remove(id, false);
  for (const auto* result : {&detached, &removed}) {
    if (!*result) log::warning("a build step's rest stays until it is collected", {{"run", run}, {"error", result->error().message}});
  }
  parts_.transients.remove(run);
}

}  // namespace fulcrum::control
