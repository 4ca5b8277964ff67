// Workloads as containers of this kernel: bundle, fulcrum-shim, fulcrum-oci.
//
//   <data>/workloads/<id>/   upper/ work/ logs/ run.json exit.json     what survives a reboot
//   <run>/sandboxes/<id>/    config.json process.json shim.sock hosts … exec-<id>.json
//   <run>/runtime/<id>/      the runtime's state
//
// run.json is written before the shim is started, exit.json by the shim before it leaves. So, after any crash:
// a shim answers → it knows; no shim, exit.json of this run → stopped; no shim, remains of a program that had been started → they are
// killed and the run is recorded as lost (exit code 137); anything else → absent, create() begins anew.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "os/cgroup.h"
#include "sandbox/namespace/config.h"
#include "sandbox/namespace/record.h"
#include "sandbox/namespace/shim_client.h"
#include "sandbox/namespace/spec.h"
#include "sandbox/sandbox.h"

namespace fulcrum::sandbox {

/// Thread-safe; two calls that change one workload must not overlap.
class NamespaceSandbox final : public Sandbox {
 public:
  /// Makes the folders and looks at the machine. Errors: unimplemented without cgroups; failed_precondition when a program is missing.
  [[nodiscard]] static Result<std::unique_ptr<NamespaceSandbox>> open(NamespaceConfig config);

  schema::Violations unsupported(const api::WorkloadSpec& spec) const override;
  std::map<std::string, std::string> degraded() const override { return degraded_fields(facts_); }
  Result<> create(const Plan& plan, const StopSource& stop) override;
  Result<UniqueFd> network_namespace(const WorkloadId& id) override;
  Result<> start(const WorkloadId& id) override;
  Result<Observed> observe(const WorkloadId& id) override;
  Result<UniqueFd> watch(const WorkloadId& id) override;
  Result<> signal(const WorkloadId& id, int signo, bool all_processes) override;
  Result<> can_pause(const WorkloadId& id) const override;
  Result<> pause(const WorkloadId& id) override;
  Result<> resume(const WorkloadId& id) override;
  Result<> update(const WorkloadId& id, const api::Resources& resources) override;
  Result<Usage> usage(const WorkloadId& id) override;
  Result<std::vector<std::int64_t>> processes(const WorkloadId& id) override;
  Result<> attach(const WorkloadId& id, UniqueFd client, const StreamFormat& format) override;
  Result<> resize(const WorkloadId& id, std::uint16_t height, std::uint16_t width) override;
  Result<ExecState> exec(const WorkloadId& id, const std::string& exec_id, const api::ExecSpec& spec, UniqueFd client,
                         const StreamFormat& format) override;
  Result<ExecState> exec_state(const WorkloadId& id, const std::string& exec_id) override;
  Result<UniqueFd> exec_watch(const WorkloadId& id, const std::string& exec_id) override;
  Result<> exec_resize(const WorkloadId& id, const std::string& exec_id, std::uint16_t height, std::uint16_t width) override;
  Result<> exec_signal(const WorkloadId& id, const std::string& exec_id, int signo) override;
  Result<UniqueFd> root(const Files& files) override;
  Result<std::string> upper(const WorkloadId& id) override;
  std::string log_directory(const WorkloadId& id) const override;
  Result<> remove(const WorkloadId& id, bool keep_data) override;
  Result<std::vector<WorkloadId>> list() override;

 private:
  NamespaceSandbox(NamespaceConfig config, CgroupLayout layout, MachineFacts facts)
      : config_(std::move(config)), layout_(std::move(layout)), facts_(std::move(facts)) {}

  // Folders.
  std::string data(const WorkloadId& id) const { return config_.data_dir + "/workloads/" + id.str(); }
  std::string run(const WorkloadId& id) const { return config_.run_dir + "/sandboxes/" + id.str(); }
  std::string runtime_root() const { return config_.run_dir + "/runtime"; }

  // create.cc
  [[nodiscard]] Result<> make_folders(const Plan& plan) const;
  [[nodiscard]] Result<SpecInput> make_input(const Plan& plan);
  [[nodiscard]] Result<UserIds> look_up_user(const Plan& plan, const std::string& user) const;
  [[nodiscard]] Result<> write_files(const Plan& plan, const SpecInput& input) const;
  [[nodiscard]] Result<std::uint32_t> choose_subid(const WorkloadId& id);
  [[nodiscard]] Result<> set_subid(const Plan& plan, SpecInput& input);
  [[nodiscard]] Result<> resolve_joins(const Plan& plan, SpecInput& input);
  [[nodiscard]] Result<> launch(const Plan& plan, const SpecInput& input, const StopSource& stop) const;

  // files.cc
  [[nodiscard]] Result<UniqueFd> running_root(const WorkloadId& id) const;
  [[nodiscard]] Result<> fill_volumes(const std::vector<std::string>& layers, const std::vector<ResolvedMount>& mounts) const;

  // running.cc
  [[nodiscard]] Result<oci::Process> make_exec_process(const WorkloadId& id, const api::ExecSpec& spec);

  // namespace_sandbox.cc
  [[nodiscard]] Result<std::optional<Record>> record(const WorkloadId& id) const;
  [[nodiscard]] Result<Record> need_record(const WorkloadId& id) const;
  /// The cgroup of a workload's run; nothing when the engine may not have any.
  [[nodiscard]] Result<std::optional<Cgroup>> find_cgroup(const WorkloadId& id) const;
  [[nodiscard]] Result<Cgroup> cgroup(const WorkloadId& id) const;
  [[nodiscard]] Result<ShimClient> shim(const WorkloadId& id) const;
  /// One request to the shim of a workload that must have one. failed_precondition when it has none.
  [[nodiscard]] Result<shim::Reply> ask(const WorkloadId& id, const shim::Request& request, const UniqueFd* client = nullptr) const;
  /// A descriptor that is ready when the shim has news of what the request names; at once when no shim answers or nothing runs.
  [[nodiscard]] Result<UniqueFd> watch_shim(const WorkloadId& id, const shim::Request& request) const;
  [[nodiscard]] Result<std::optional<Observed>> ask_state(const WorkloadId& id) const;
  [[nodiscard]] Result<std::optional<Observed>> recorded_end(const WorkloadId& id, const Record& record) const;
  [[nodiscard]] Result<Observed> settle_remains(const WorkloadId& id, const Record& record);
  [[nodiscard]] Result<> clear_remains(const WorkloadId& id) const;
  [[nodiscard]] Result<> end_shim(const WorkloadId& id) const;

  const NamespaceConfig config_;
  const CgroupLayout layout_;
  const MachineFacts facts_;
  std::mutex subids_;  // choosing a range until it is recorded
};

}  // namespace fulcrum::sandbox
