// The flags that `run` and `create` share: a WorkloadSpec in words. They are docker's where docker has them.
#pragma once

#include <string>
#include <vector>

#include "api/workload/spec.h"
#include "base/error.h"

namespace CLI {
class App;
}

namespace fulcrum::cli {

/// Holds what was given until spec() makes it a WorkloadSpec.
class SpecFlags {
 public:
  void declare(CLI::App& app);
  /// All problems at once, a line each, as invalid_argument.
  [[nodiscard]] Result<api::WorkloadSpec> spec(const std::string& image, const std::vector<std::string>& command) const;

  bool interactive = false;
  bool tty = false;

 private:
  void declare_process(CLI::App& app);
  void declare_network(CLI::App& app);
  void declare_storage(CLI::App& app);
  void declare_resources(CLI::App& app);
  void declare_security(CLI::App& app);
  void declare_health(CLI::App& app);
  void fill_process(api::WorkloadSpec& spec, std::string& problems) const;
  void fill_network(api::WorkloadSpec& spec, std::string& problems) const;
  void fill_storage(api::WorkloadSpec& spec, std::string& problems) const;
  void fill_resources(api::WorkloadSpec& spec, std::string& problems) const;
  void fill_security(api::WorkloadSpec& spec, std::string& problems) const;
  void fill_health(api::WorkloadSpec& spec, std::string& problems) const;

  using Words = std::vector<std::string>;
  std::string name_, topology_ = "container", pull_ = "missing", platform_, entrypoint_, workdir_, user_, hostname_, domainname_,
                     stop_signal_, restart_ = "no";
  std::string stop_timeout_;
  bool has_entrypoint_ = false, init_ = false, remove_ = false;
  Words labels_, label_files_, annotations_, env_, env_files_, groups_;
  Words networks_, aliases_, ports_, expose_, dns_, dns_search_, dns_options_, hosts_;
  std::string ip_, ip6_, mac_;
  bool publish_all_ = false;
  Words volumes_, mounts_, tmpfs_, secrets_, configs_;
  std::string memory_, memory_swap_, memory_reservation_, shm_size_, cpuset_cpus_, cpuset_mems_, cgroup_parent_;
  std::string cpus_, cpu_shares_, cpu_quota_, cpu_period_, pids_, oom_score_adj_, memory_swappiness_, blkio_weight_;
  bool oom_kill_disable_ = false;
  Words ulimits_, read_bps_, write_bps_, read_iops_, write_iops_, weight_device_, device_rules_;
  bool privileged_ = false, read_only_ = false;
  Words cap_add_, cap_drop_, security_opt_, devices_, sysctls_;
  std::string pid_, ipc_, uts_, userns_, cgroupns_;
  std::string health_cmd_, health_http_, health_port_, health_interval_, health_timeout_, health_start_period_, health_start_interval_,
      health_retries_;
  bool no_health_ = false, health_tcp_ = false;
  std::string log_driver_ = "local";
  Words log_options_;
};

}  // namespace fulcrum::cli
