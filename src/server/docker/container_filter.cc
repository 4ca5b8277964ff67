#include "server/docker/container_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "control/plan.h"
#include "server/docker/container_state.h"

namespace fulcrum::server::docker {

namespace {

constexpr std::array<std::string_view, 7> kStates = {"created", "running", "paused", "restarting", "removing", "exited", "dead"};
constexpr std::array<std::string_view, 4> kHealth = {"none", "starting", "healthy", "unhealthy"};

/// Each value must be one of the words. Errors: invalid_argument.
Result<> check_words(const Filters& filters, std::string_view key, std::span<const std::string_view> words) {
  for (const auto& value : filters.get(key))
    if (std::find(words.begin(), words.end(), value) == words.end())
      return fail(Code::invalid_argument, "invalid filter '{}={}': must be one of {}", key, value, fmt::join(words, ", "));
  return {};
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

bool built_on(const oci::ImageConfig& child, const oci::ImageConfig& base) {
  const auto& above = child.rootfs.diff_ids;
  const auto& below = base.rootfs.diff_ids;
  return !below.empty() && below.size() <= above.size() && base.history.size() < child.history.size() &&
         std::equal(below.begin(), below.end(), above.begin());
}

Result<ContainerFilter> ContainerFilter::parse(const http::Query& query, const FilterLookups& lookups) {
  ContainerFilter filter;
  filter.filters_ = TRY(Filters::parse(query, {"ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label",
                                               "name", "network", "publish", "since", "status", "volume"}));
  filter.all_ = TRY(query.boolean("all", false)) || filter.filters_.has("status");
  filter.sizes_ = TRY(query.boolean("size", false));
  if (!query.get_or("limit", "").empty()) filter.limit_ = TRY(query.integer("limit", 0));
  TRY(filter.parse_words(lookups));
  TRY(filter.parse_images(lookups));
  TRY(filter.parse_ports("publish", filter.publish_));
  TRY(filter.parse_ports("expose", filter.expose_));
  return filter;
}

Result<> ContainerFilter::parse_words(const FilterLookups& lookups) {
  TRY(check_words(filters_, "status", kStates));
  TRY(check_words(filters_, "health", kHealth));
  is_task_ = TRY(filters_.boolean("is-task"));
  for (const auto& value : filters_.get("exited")) {
    const auto code = number(value);
    if (!code) return fail(Code::invalid_argument, "invalid filter 'exited={}': not a number", value);
    exited_.push_back(*code);
  }
  // As in Docker, what is no pattern can still be a name.
  for (const auto& value : filters_.get("name"))
    if (auto pattern = Pattern::parse(value)) names_.push_back(std::move(*pattern));
  for (const auto& value : filters_.get("before")) before_ = TRY(lookups.container(value)).metadata.uid;
  for (const auto& value : filters_.get("since")) since_ = TRY(lookups.container(value)).metadata.uid;
  for (const auto& value : filters_.get("network")) {
    networks_.insert(engine_network_name(value));
    for (const auto& [name, id] : lookups.networks)
      if (!value.empty() && id.starts_with(value)) networks_.insert(name);
  }
  return {};
}

Result<> ContainerFilter::parse_images(const FilterLookups& lookups) {
  for (const auto& value : filters_.get("ancestor"))
    if (auto image = lookups.image(value)) ancestors_.push_back(std::move(*image));
  return {};
}

Result<> ContainerFilter::parse_ports(std::string_view key, std::set<std::string>& ports) const {
  for (const auto& value : filters_.get(key)) {
    const auto slash = value.find('/');
    const auto protocol = slash == std::string::npos ? std::string("tcp") : value.substr(slash + 1);
    const auto range = value.substr(0, slash);
    const auto dash = range.find('-');
    const auto first = number(range.substr(0, dash));
    const auto last = dash == std::string::npos ? first : number(range.substr(dash + 1));
    if (!first || !last || *first < 1 || *last > 65535 || *last < *first || (protocol != "tcp" && protocol != "udp" && protocol != "sctp"))
      return fail(Code::invalid_argument, "invalid filter '{}={}': port[-port][/protocol] is needed", key, value);
    for (int port = *first; port <= *last; ++port) ports.insert(fmt::format("{}/{}", port, protocol));
  }
  return {};
}

bool ContainerFilter::state_accepted(const api::Workload& container) const {
  const auto& status = container.status;
  if (!filters_.accepts("status", docker_status(status))) return false;
  if (!filters_.accepts("health", status.health.status.empty() ? "none" : status.health.status)) return false;
  if (exited_.empty()) return true;
  return !docker_running(status) && status.started &&
         std::find(exited_.begin(), exited_.end(), status.exit_code.value_or(0)) != exited_.end();
}

bool ContainerFilter::image_accepted(const Candidate& candidate) const {
  if (!filters_.has("ancestor")) return true;
  return std::any_of(ancestors_.begin(), ancestors_.end(), [&](const auto& ancestor) {
    return ancestor.first == candidate.container.status.image_id || built_on(candidate.image, ancestor.second);
  });
}

bool ContainerFilter::mounts_accepted(const api::Workload& container) const {
  if (!filters_.has("volume")) return true;
  return std::any_of(container.status.mounts.begin(), container.status.mounts.end(), [&](const auto& mount) {
    return filters_.accepts("volume", mount.target) || filters_.accepts("volume", mount.name.empty() ? mount.source : mount.name);
  });
}

bool ContainerFilter::networks_accepted(const api::Workload& container) const {
  if (!filters_.has("network")) return true;
  if (networks_.contains(container.spec.network)) return true;  // none, host
  const auto names = control::wanted_networks(container.spec);
  return std::any_of(names.begin(), names.end(), [&](const auto& name) { return networks_.contains(name); });
}

bool ContainerFilter::ports_accepted(const Candidate& candidate) const {
  if (publish_.empty() && expose_.empty()) return true;
  const auto ports = container_ports(candidate.container, candidate.image.config);
  return std::any_of(ports.begin(), ports.end(), [&](const auto& port) {
    return publish_.contains(fmt::format("{}/{}", port.public_port, port.type)) ||
           expose_.contains(fmt::format("{}/{}", port.private_port, port.type));
  });
}

ContainerFilter::Verdict ContainerFilter::operator()(const Candidate& candidate, std::size_t shown) {
  const auto& container = candidate.container;
  const auto& uid = container.metadata.uid;
  if (!before_.empty()) {  // what is older than this one follows it
    if (uid == before_) before_.clear();
    return Verdict::skip;
  }
  if (uid == since_) return Verdict::stop;
  if (!docker_running(container.status) && !all_ && limit_ <= 0) return Verdict::skip;
  const auto& name = container.spec.name;
  if (filters_.has("name") && !filters_.accepts("name", name) && !filters_.accepts("name", "/" + name) &&
      std::none_of(names_.begin(), names_.end(), [&](const auto& p) { return p.found_in("/" + name) || p.found_in(name); }))
    return Verdict::skip;
  const auto& ids = filters_.get("id");
  if (!ids.empty() && std::none_of(ids.begin(), ids.end(), [&](const auto& id) { return !id.empty() && uid.starts_with(id); }))
    return Verdict::skip;
  if (is_task_ == true) return Verdict::skip;  // there are no tasks outside a swarm
  if (!filters_.accepts("isolation", "default")) return Verdict::skip;
  if (filters_.has("label") && !filters_.labels(container_labels(container.spec, candidate.image.config))) return Verdict::skip;
  if (limit_ > 0 && shown >= static_cast<std::size_t>(limit_)) return Verdict::stop;
  const bool accepted = state_accepted(container) && mounts_accepted(container) && image_accepted(candidate) &&
                        networks_accepted(container) && ports_accepted(candidate);
  return accepted ? Verdict::show : Verdict::skip;
}

}  // namespace fulcrum::server::docker
