#include "runtime/hooks.h"

#include <boost/json.hpp>

#include "base/process.h"

namespace fulcrum::runtime {
namespace {

constexpr std::size_t kMaxOutput = 64 << 10;

/// The program is `path`; argv comes from `args`, whose first word need not be the path (dockerd's hook finds its job by that word).
Process::Spec process_spec(const oci::Hook& hook, const std::vector<std::string>* inherited) {
  Process::Spec spec{.argv = hook.args, .program = hook.path};
  if (!hook.env.empty()) {
    spec.env = hook.env;
  } else if (inherited != nullptr) {
    spec.env = *inherited;
  }
  if (spec.argv.empty()) spec.argv.push_back(hook.path);
  return spec;
}

Result<> run_hook(std::string_view moment, std::size_t index, const oci::Hook& hook, const std::string& state,
                  const std::vector<std::string>* inherited) {
  const auto deadline = hook.timeout ? Deadline::in(std::chrono::seconds(*hook.timeout)) : Deadline::never();
  auto output = run(process_spec(hook, inherited), state, StopSource::never(), deadline, kMaxOutput);
  if (!output) return std::unexpected(with_context(std::move(output).error(), fmt::format("error running {} hook #{}", moment, index)));
  if (output->status.ok()) return {};
  const auto how =
      output->status.signal != 0 ? fmt::format("signal {}", output->status.signal) : fmt::format("exit status {}", output->status.code);
  return fail(Code::failed_precondition, "error running {} hook #{}: {}, stdout: {}, stderr: {}", moment, index, how, output->out,
              output->err);
}

}  // namespace

std::string hook_state(const SavedState& state, Status status, pid_t pid) {
  boost::json::object document;
  document["ociVersion"] = state.oci_version;
  document["id"] = state.id;
  document["status"] = std::string(to_string(status));
  if (pid > 0) document["pid"] = pid;
  document["bundle"] = state.bundle;
  if (!state.annotations.empty()) {
    boost::json::object annotations;
    for (const auto& [key, value] : state.annotations) annotations[key] = value;
    document["annotations"] = std::move(annotations);
  }
  return boost::json::serialize(document);
}

Result<> run_hooks(std::string_view moment, const std::vector<oci::Hook>& hooks, const std::string& state,
                   const std::vector<std::string>* inherited) {
  for (std::size_t i = 0; i < hooks.size(); ++i) TRY(run_hook(moment, i, hooks[i], state, inherited));
  return {};
}

void run_last_hooks(std::string_view moment, const std::vector<oci::Hook>& hooks, const std::string& state,
                    const std::function<void(const std::string&)>& warn) {
  for (std::size_t i = 0; i < hooks.size(); ++i)
    if (const auto done = run_hook(moment, i, hooks[i], state, nullptr); !done && warn) warn(done.error().message);
}

}  // namespace fulcrum::runtime
