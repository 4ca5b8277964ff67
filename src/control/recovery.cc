#include "control/recovery.h"

#include "api/workload/codec.h"
#include "base/log.h"
#include "control/collector.h"
#include "control/lifecycle.h"

namespace fulcrum::control {

namespace {

constexpr std::string_view kBootKey = "/engine/boot";

Result<> restore_networks(Parts& parts) {
  std::vector<network::Network> networks;
  for (const auto& stored : TRY(parts.objects.list<api::Network>(kNetworks)).items) {
    auto config = TRY(network_config(stored.spec), "network {}", stored.spec.name);
    config.bridge = stored.bridge;
    networks.push_back(std::move(config));
  }
  std::vector<network::Endpoint> endpoints;
  for (const auto& record : TRY(store::list_all(parts.objects.store(), kEndpoints)).records) {
    const auto uid = record.key.substr(kEndpoints.size(), record.key.find('/', kEndpoints.size()) - kEndpoints.size());
    if (!TRY(parts.objects.workload(uid))) continue;  // the collector removes it
    endpoints.push_back(TRY(endpoint_from_json(record.value), "{}", record.key));
  }
  const auto report = TRY(parts.networks.reconcile(networks, endpoints));
  for (const auto& problem : report.problems) log::warning("network", {{"problem", problem.message}});
  for (const auto& link : report.removed_links) log::info("removed a link that nobody wants", {{"link", link}});
  return {};
}

/// After a restart of the machine "always" starts again even what a user had stopped.
Result<> on_boot(Parts& parts) {
  for (const auto& workload : TRY(parts.objects.workloads()).items) {
    TRY(parts.objects.edit(workload.metadata.uid, [&](Edit& edit) -> Result<bool> {
      auto& w = edit.workload;
      const bool ended = w.status.phase == Phase::stopped || w.status.phase == Phase::failed;
      if (w.spec.restart.name != "always" || !ended || w.metadata.deleting || w.status.run == 0) return false;
      w.intent.state = "running";
      w.intent.by_user = false;
      ++w.intent.starts;
      return true;
    }));
  }
  return {};
}

}  // namespace

Result<store::Revision> recover(Parts& parts, sandbox::Sandbox& sandbox, const std::string& boot_id) {
  auto& store = parts.objects.store();
  TRY(restore_networks(parts), "restore networks");
  Collector collector(parts, sandbox);
  if (const auto collected = collector.collect(); !collected) log::warning("garbage stays for now", {{"error", collected.error().message}});
  const auto before = TRY(store.get(kBootKey));
  if (before && before->value != boot_id) {
    log::info("the machine was restarted", {{"boot", boot_id}});
    TRY(on_boot(parts));
  }
  if (!before || before->value != boot_id) TRY(store.commit({.compares = {}, .operations = {store::Put{std::string(kBootKey), boot_id}}}));
  return store.revision();
}

}  // namespace fulcrum::control
