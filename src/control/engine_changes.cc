// The verbs that change what a workload is: apply, update, rename, networks.
#include <algorithm>
#include <boost/json.hpp>

#include "api/workload/codec.h"
#include "control/engine.h"

namespace fulcrum::control {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxChanges = 256;

json::object as_object(const api::WorkloadSpec& spec) { return json::parse(api::to_json(spec)).get_object(); }

void compare(const std::string& path, const json::value* from, const json::value* to, std::vector<Applied::Change>& changes) {
  if (changes.size() >= kMaxChanges || (from != nullptr && to != nullptr && *from == *to)) return;
  if (from != nullptr && to != nullptr && from->is_object() && to->is_object()) {
    const auto& a = from->get_object();
    const auto& b = to->get_object();
    const auto child = [&](std::string_view key) { return path.empty() ? std::string(key) : path + "." + std::string(key); };
    for (const auto& [key, value] : a) compare(child({key.data(), key.size()}), &value, b.if_contains(key), changes);
    for (const auto& [key, value] : b)
      if (!a.contains(key)) compare(child({key.data(), key.size()}), nullptr, &value, changes);
    return;
  }
  changes.push_back({.path = path,
                     .from = from == nullptr ? std::string() : json::serialize(*from),
                     .to = to == nullptr ? std::string() : json::serialize(*to)});
}

/// Fields that take effect without a new file system.
bool is_live(const std::string& path) {
  constexpr std::string_view kLive[] = {"resources",   "restart",   "labels", "annotations", "health",  "stopSignal",
                                        "stopTimeout", "dependsOn", "pull",   "networks",    "network", "autoRemove"};
  const auto head = path.substr(0, path.find('.'));
  if (path == "resources.shmSize" || path.starts_with("resources.ulimits") || path == "resources.oomScoreAdj") return false;
  return std::find(std::begin(kLive), std::end(kLive), head) != std::end(kLive);
}

/// A change of the kind of network (none, host, another workload's) needs a new namespace.
bool changes_network_kind(const api::WorkloadSpec& from, const api::WorkloadSpec& to) {
  const auto special = [](const std::string& n) { return n == "none" || n == "host" || n.starts_with("container:"); };
  return from.network != to.network && (special(from.network) || special(to.network));
}

}  // namespace

Result<Applied> Engine::apply(api::WorkloadSpec spec, bool dry_run, const Call& call) {
  if (spec.name.empty()) return fail(Code::invalid_argument, "name: is required to apply");
  TRY(parts_.topologies.check(spec));
  const auto existing = objects_.find(spec.name);
  if (!existing || existing->spec.name != spec.name) {
    if (!existing && existing.error().code != Code::not_found) return std::unexpected(existing.error());
    Applied applied{.action = "created", .workload = {.spec = spec}};
    const auto empty = json::value(json::object());
    const auto wanted = json::value(as_object(spec));
    compare("", &empty, &wanted, applied.changes);
    if (!dry_run) applied.workload = TRY(create(spec, true, call));
    return applied;
  }
  Applied applied{.action = "unchanged", .workload = *existing};
  const auto from = json::value(as_object(existing->spec));
  const auto to = json::value(as_object(spec));
  compare("", &from, &to, applied.changes);
  const bool runs = existing->intent.state == "running" || existing->intent.state == "paused";
  if (!applied.changes.empty()) applied.action = "changed";
  if (dry_run || (applied.changes.empty() && runs)) return applied;
  const bool rebuild = changes_network_kind(existing->spec, spec) ||
                       std::any_of(applied.changes.begin(), applied.changes.end(), [](const auto& c) { return !is_live(c.path); });
  const auto asked = TRY(change(existing->metadata.uid, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    if (w.metadata.deleting) return fail(Code::failed_precondition, "workload {} is being removed", w.spec.name);
    if (!applied.changes.empty()) {
      w.spec = spec;
      ++w.metadata.generation;
      edit.events.push_back(objects_.event(w, "update"));
    }
    if (rebuild) ++w.intent.rebuilds;
    if (rebuild || !runs) {
      w.intent.state = "running";
      w.intent.by_user = false;
      ++w.intent.starts;
    }
    return true;
  }));
  const auto wanted_rebuilds = asked.intent.rebuilds;
  const auto wanted_starts = asked.intent.starts;
  const auto generation = asked.metadata.generation;
  applied.workload = TRY(wait(existing->metadata.uid, call, [&](const api::Workload& w, bool removed) {
    if (removed) return true;
    if (w.status.phase == Phase::failed && w.status.rebuilds >= wanted_rebuilds) return true;
    const bool settled = w.status.phase != Phase::starting && w.status.phase != Phase::created && w.status.phase != Phase::pending &&
                         w.status.phase != Phase::creating;
    return w.status.rebuilds >= wanted_rebuilds && w.status.starts >= wanted_starts && w.status.observed_generation >= generation &&
           settled;
  }));
  if (applied.workload.status.phase == Phase::failed) return std::unexpected(failure(applied.workload));
  return applied;
}

Result<api::Workload> Engine::update(const std::string& reference, const std::function<Result<>(api::WorkloadSpec&)>& change_spec,
                                     const Call& call) {
  const auto asked = TRY(change(reference, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    const auto before = w.spec;
    TRY(change_spec(w.spec));
    TRY(parts_.topologies.check(w.spec));
    if (w.spec == before) return false;
    ++w.metadata.generation;
    if (!is_active(w.status.phase)) {
      w.status.observed_generation = w.metadata.generation;
      edit.events.push_back(objects_.event(w, "update"));
    }
    return true;
  }));
  const auto generation = asked.metadata.generation;
  const auto after = TRY(wait(asked.metadata.uid, call, [&](const api::Workload& w, bool removed) {
    return removed || w.status.observed_generation >= generation || !is_active(w.status.phase);
  }));
  if (after.status.reason == "UpdateFailed") return fail(Code::failed_precondition, "{}", after.status.message);
  return after;
}

Result<api::Workload> Engine::rename(const std::string& reference, const std::string& name) {
  api::WorkloadSpec named{.name = name, .image = "x"};
  TRY(api::from_json<api::WorkloadSpec>(api::to_json(named)));  // checks the name as every declaration's
  if (name.empty()) return fail(Code::invalid_argument, "name: is required");
  const auto found = TRY(objects_.find(reference));
  std::string before;
  auto renamed = objects_.edit(found.metadata.uid, [&](Edit& edit) -> Result<bool> {
    before = edit.workload.spec.name;
    if (before == name) return false;
    const auto taken = TRY(objects_.store().get(name_key(name)));
    if (taken) return fail(Code::already_exists, "the name \"{}\" is in use by workload {}", name, short_id(taken->value));
    edit.compares.push_back({name_key(name), store::kAbsent});
    edit.operations.push_back(store::Remove{name_key(before)});
    edit.operations.push_back(store::Put{name_key(name), edit.workload.metadata.uid});
    edit.workload.spec.name = name;
    edit.events.push_back(objects_.event(edit.workload, "rename", {{"oldName", before}}));
    return true;
  });
  const auto after = TRY(std::move(renamed));
  if (!after) return fail(Code::not_found, "no such workload: {}", reference);
  for (const auto& endpoint : networks_.endpoints(WorkloadId(found.metadata.uid))) {
    auto names = endpoint.names;
    std::replace(names.begin(), names.end(), before, name);
    TRY(networks_.set_names(WorkloadId(found.metadata.uid), endpoint.network, names, endpoint.services));
    auto changed = endpoint;
    changed.names = names;
    TRY(objects_.store().update(endpoint_key(found.metadata.uid, endpoint.network), endpoint_to_json(changed), store::kAnyRevision));
  }
  return *after;
}

Result<> Engine::connect(const std::string& network, const std::string& reference, api::NetworkAttachment attachment, const Call& call) {
  TRY(ensure_network(parts_, network));
  attachment.name = network;
  const auto asked = TRY(change(reference, [&](Edit& edit) -> Result<bool> {
    auto& spec = edit.workload.spec;
    if (spec.network == "host" || spec.network.starts_with("container:"))
      return fail(Code::failed_precondition, "workload {} has network mode {} and can join no network", spec.name, spec.network);
    const auto wanted = wanted_networks(spec);
    if (std::find(wanted.begin(), wanted.end(), network) != wanted.end())
      return fail(Code::already_exists, "workload {} is in network {} already", spec.name, network);
    if (spec.network == "none") {  // left alone until now
      spec.network.clear();
    } else if (spec.network.empty() && spec.networks.empty()) {
      spec.networks.push_back({.name = std::string(kDefaultNetwork)});
    }
    spec.networks.push_back(attachment);
    return true;
  }));
  if (!is_active(asked.status.phase)) return {};
  TRY(wait(asked.metadata.uid, call, [&](const api::Workload& w, bool removed) {
    return removed || !is_active(w.status.phase) ||
           std::any_of(w.status.networks.begin(), w.status.networks.end(), [&](const auto& e) { return e.network == network; });
  }));
  return {};
}

Result<> Engine::disconnect(const std::string& network, const std::string& reference, const Call& call) {
  const auto asked = TRY(change(reference, [&](Edit& edit) -> Result<bool> {
    auto& spec = edit.workload.spec;
    const auto wanted = wanted_networks(spec);
    if (std::find(wanted.begin(), wanted.end(), network) == wanted.end())
      return fail(Code::failed_precondition, "workload {} is not in network {}", spec.name, network);
    std::erase_if(spec.networks, [&](const auto& n) { return n.name == network; });
    if (spec.network == network) spec.network.clear();
    if (wanted.size() == 1) spec.network = "none";  // with loopback alone, until it joins another
    return true;
  }));
  if (!is_active(asked.status.phase)) return {};
  TRY(wait(asked.metadata.uid, call, [&](const api::Workload& w, bool removed) {
    return removed || !is_active(w.status.phase) ||
           std::none_of(w.status.networks.begin(), w.status.networks.end(), [&](const auto& e) { return e.network == network; });
  }));
  return {};
}

}  // namespace fulcrum::control
