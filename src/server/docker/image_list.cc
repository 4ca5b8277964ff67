// GET /images/json, and the image part of GET /system/df.
#include <algorithm>
#include <map>
#include <set>

#include "server/docker/image_support.h"
#include "server/docker/image_view.h"

namespace fulcrum::server::docker {

namespace {

/// The times that `before`, `since` and `until` stand for; several values: all must hold.
struct Window {
  std::optional<std::int64_t> before, since;
};

/// The patterns of the reference filter, taken apart once.
Result<std::vector<image::build::Glob>> patterns_of(const Filters& filters) {
  std::vector<image::build::Glob> patterns;
  for (const auto& text : filters.get("reference"))
    patterns.push_back(TRY(image::build::Glob::compile(text), "invalid filter 'reference': \"{}\"", text));
  return patterns;
}

/// What list filters mean, worked out once.
struct Wanted {
  Window window;
  std::vector<image::build::Glob> patterns;
  std::optional<bool> dangling;
};

Result<std::int64_t> created_of(Api& api, const std::string& reference) {
  const auto record = TRY(find_image(api, reference));
  return unix_seconds(TRY(oci::parse_image_config(record.config)).created);
}

Result<Window> window_of(Api& api, const Filters& filters) {
  Window window;
  const auto earlier = [&](std::int64_t time) { window.before = std::min(window.before.value_or(time), time); };
  for (const auto& reference : filters.get("before")) earlier(TRY(created_of(api, reference)));
  for (const auto& text : filters.get("until")) {
    http::Query query;
    query.add("until", text);
    const auto until = native::time_parameter(query, "until", api.native.images.clock().now());
    if (!until || !*until) return fail(Code::invalid_argument, "invalid value for 'until' filter: \"{}\" is no time", text);
    earlier(std::chrono::floor<std::chrono::seconds>(**until).time_since_epoch().count());
  }
  for (const auto& reference : filters.get("since")) {
    const auto time = TRY(created_of(api, reference));
    window.since = std::max(window.since.value_or(time), time);
  }
  return window;
}

/// Whether the image is listed; takes away the names that the reference filter does not want.
bool accepts(image::ImageRecord& record, const oci::ImageConfig& config, bool has_children, const ImageListOptions& options,
             const Filters& filters, const Wanted& wanted) {
  const auto created = unix_seconds(config.created);
  if (wanted.window.before && created >= *wanted.window.before) return false;
  if (wanted.window.since && created <= *wanted.window.since) return false;
  if (!filters.labels(config.config.labels)) return false;
  if (wanted.dangling.value_or(false) && (has_children || !record.tags.empty())) return false;
  const auto& patterns = wanted.patterns;
  if (!patterns.empty()) {
    const auto unwanted = [&](const std::string& name) { return !reference_matches(name, patterns); };
    std::erase_if(record.tags, unwanted);
    std::erase_if(record.repo_digests, unwanted);
  }
  if (!record.tags.empty() || !record.repo_digests.empty()) return true;
  return patterns.empty() && wanted.dangling.value_or(true) && (options.all || !has_children);
}

/// Bytes of each image's layers that other images have, too.
Result<std::map<std::string, std::int64_t>> shared_sizes(Api& api, const std::vector<image::ImageRecord>& records) {
  std::map<std::string, int> uses;
  for (const auto& record : records) {
    std::set<std::string> own;
    for (const auto& layer : record.layers) own.insert(layer.diff_id.str());
    for (const auto& layer : own) ++uses[layer];
  }
  std::map<std::string, std::int64_t> sizes;
  for (const auto& record : records) {
    std::set<std::string> counted;
    auto& sum = sizes[record.id.str()];
    for (const auto& layer : record.layers) {
      if (uses[layer.diff_id.str()] < 2 || !counted.insert(layer.diff_id.str()).second) continue;
      sum += static_cast<std::int64_t>(TRY(api.native.images.layers().stat(layer.diff_id)).disk_bytes);
    }
  }
  return sizes;
}

}  // namespace

Result<std::vector<api::docker::ImageSummary>> image_summaries(Api& api, const ImageListOptions& options, const Filters& filters) {
  const Wanted wanted{
      .window = TRY(window_of(api, filters)), .patterns = TRY(patterns_of(filters)), .dangling = TRY(filters.boolean("dangling"))};
  auto records = TRY(api.native.images.list());
  std::set<std::string> parents;
  for (const auto& record : records) parents.insert(record.parent.str());
  const auto shared = options.shared_size ? TRY(shared_sizes(api, records)) : std::map<std::string, std::int64_t>();
  const auto users = options.containers ? TRY(image_users(api)) : std::multimap<std::string, ImageUser>();
  std::vector<api::docker::ImageSummary> summaries;
  for (auto& record : records) {
    const auto& id = record.id.str();
    const auto config = TRY(oci::parse_image_config(record.config), "image {}", id);
    if (!accepts(record, config, parents.contains(id), options, filters, wanted)) continue;
    auto summary = image_summary(record, config);
    if (options.shared_size) summary.shared_size = shared.at(id);
    if (options.containers) summary.containers = static_cast<std::int64_t>(users.count(id));
    summaries.push_back(std::move(summary));
  }
  std::stable_sort(summaries.begin(), summaries.end(), [](const auto& a, const auto& b) { return a.created > b.created; });
  return summaries;
}

Result<std::int64_t> layers_size(Api& api) {
  std::int64_t sum = 0;
  for (const auto& layer : TRY(api.native.images.layers().list()))
    if (const auto info = api.native.images.layers().stat(layer)) sum += static_cast<std::int64_t>(info->disk_bytes);
  return sum;
}

}  // namespace fulcrum::server::docker
