#include "image/build/prune.h"

#include <algorithm>
#include <set>

namespace fulcrum::image::build {

namespace {

bool chosen(const CacheEntry& entry, const CachePrune& spec) {
  const auto& step = entry.step;
  if (!spec.all && entry.in_use) return false;
  if (spec.unused_since && step.used >= *spec.unused_since) return false;
  if (spec.in_use && *spec.in_use != entry.in_use) return false;
  const auto is_prefix = [&](const std::string& id) { return !id.empty() && step.key.starts_with(id); };
  if (!spec.ids.empty() && std::none_of(spec.ids.begin(), spec.ids.end(), is_prefix)) return false;
  const auto is_part = [&](const std::string& text) { return step.comment.find(text) != std::string::npos; };
  return spec.comments.empty() || std::any_of(spec.comments.begin(), spec.comments.end(), is_part);
}

}  // namespace

Result<std::vector<CacheEntry>> list_cache(const ImageStore& store) {
  std::set<std::string> used;
  for (const auto& image : TRY(store.list()))
    for (const auto& layer : image.layers) used.insert(layer.diff_id.str());
  std::set<std::string> seen;
  std::vector<CacheEntry> entries;
  for (auto& step : TRY(store.build_cache().list())) {
    CacheEntry entry{.step = std::move(step), .in_use = false, .bytes = 0};
    if (const auto& layer = entry.step.layer) {
      entry.in_use = used.contains(layer->diff_id.str());
      if (seen.insert(layer->diff_id.str()).second) entry.bytes = layer->size + layer->disk_bytes;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<PrunedCache> prune_cache(ImageStore& store, const CachePrune& spec) {
  const auto entries = TRY(list_cache(store));
  std::uint64_t kept = 0;
  for (const auto& entry : entries) kept += entry.bytes;
  PrunedCache pruned;
  for (const auto& entry : entries) {
    if (spec.keep_bytes > 0 && kept <= spec.keep_bytes) break;
    if (!chosen(entry, spec)) continue;
    kept -= entry.bytes;
    pruned.keys.push_back(entry.step.key);
  }
  TRY(store.build_cache().remove(pruned.keys));
  pruned.bytes = TRY(store.collect());
  return pruned;
}

}  // namespace fulcrum::image::build
