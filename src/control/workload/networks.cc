// The records of networks: stored before the bridge is made, removed after it is gone.
#include <algorithm>

#include "api/workload/codec.h"
#include "control/plan.h"
#include "control/workload/attachments.h"

namespace fulcrum::control {

namespace {

std::string network_key(const std::string& name) { return std::string(kNetworks) + name; }

}  // namespace

Result<api::Network> create_network(const Parts& parts, const api::NetworkSpec& spec) {
  const auto planned = TRY(parts.networks.plan_network(TRY(network_config(spec))), "network {}", spec.name);
  api::Network network{.metadata = {.uid = new_uid(), .created = parts.clock().now(), .generation = 1},
                       .spec = network_spec(planned, spec),
                       .bridge = planned.bridge};
  store::Transaction transaction{.compares = {{network_key(spec.name), store::kAbsent}},
                                 .operations = {store::Put{network_key(spec.name), api::to_json(network)}}};
  parts.objects.append(transaction, {parts.objects.event("network", "create", network.metadata.uid, spec.name, {{"type", "bridge"}})});
  const auto stored = parts.objects.store().commit(transaction);
  if (!stored && stored.error().code == Code::aborted) return fail(Code::already_exists, "network {} exists", spec.name);
  network.metadata.revision = TRY(stored);
  const auto made = parts.networks.create_network(planned);
  if (!made) {  // nothing in the kernel: the record goes again
    TRY(parts.objects.store().remove(network_key(spec.name), network.metadata.revision));
    return std::unexpected(with_context(made.error(), "network " + spec.name));
  }
  return network;
}

Result<api::Network> ensure_network(const Parts& parts, const std::string& name) {
  if (auto stored = TRY(parts.objects.get<api::Network>(network_key(name)))) {
    if (!parts.networks.network(name)) {  // stored, but a crash came before it was made
      auto config = TRY(network_config(stored->object.spec));
      config.bridge = stored->object.bridge;
      TRY(parts.networks.create_network(config));
    }
    return std::move(stored->object);
  }
  if (name != kDefaultNetwork) return fail(Code::not_found, "no such network: {}", name);
  auto made = create_network(parts, {.name = std::string(kDefaultNetwork)});
  if (!made && made.error().code == Code::already_exists) return fail(Code::aborted, "network {} is being made", name);
  return made;
}

Result<std::vector<std::string>> network_users(const Parts& parts, const std::string& name) {
  std::vector<std::string> users;
  for (const auto& workload : TRY(parts.objects.workloads()).items) {
    const auto& have = workload.status.networks;
    const auto wanted = wanted_networks(workload.spec);
    if (std::any_of(have.begin(), have.end(), [&](const auto& e) { return e.network == name; }) ||
        (name != kDefaultNetwork && std::find(wanted.begin(), wanted.end(), name) != wanted.end()))
      users.push_back(workload.spec.name);
  }
  return users;
}

Result<> remove_network(const Parts& parts, const std::string& name) {
  const auto stored = TRY(parts.objects.get<api::Network>(network_key(name)));
  if (!stored) return fail(Code::not_found, "no such network: {}", name);
  if (const auto users = TRY(network_users(parts, name)); !users.empty())
    return fail(Code::failed_precondition, "network {} is in use by workload {}", name, users.front());
  TRY(parts.networks.remove_network(name));
  store::Transaction transaction{.compares = {{network_key(name), stored->revision}}, .operations = {store::Remove{network_key(name)}}};
  parts.objects.append(transaction, {parts.objects.event("network", "destroy", stored->object.metadata.uid, name, {{"type", "bridge"}})});
  TRY(parts.objects.store().commit(transaction));
  return {};
}

Result<std::vector<std::string>> prune_networks(const Parts& parts, const std::function<bool(const api::Network&)>& chosen) {
  std::vector<std::string> removed;
  for (const auto& network : TRY(parts.objects.list<api::Network>(kNetworks)).items) {
    if (network.spec.name == kDefaultNetwork || !chosen(network)) continue;
    const auto gone = remove_network(parts, network.spec.name);
    if (!gone && (gone.error().code == Code::failed_precondition || gone.error().code == Code::not_found))
      continue;  // in use; gone already
    TRY(gone);
    removed.push_back(network.spec.name);
  }
  return removed;
}

}  // namespace fulcrum::control
