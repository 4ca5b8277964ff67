#include "image/build/cache_source.h"

#include <algorithm>

#include "api/oci/image_spec.h"

namespace fulcrum::image::build {

Result<std::vector<CacheSource>> open_cache_sources(const ImageStore& store, const std::vector<std::string>& references) {
  std::vector<CacheSource> sources;
  for (const auto& reference : references) {
    auto record = store.inspect(reference);
    if (!record && record.error().code == Code::not_found) continue;
    if (!record) return std::unexpected(with_context(record.error(), "cache from " + reference));
    auto config = TRY(oci::parse_image_config(record->config), "cache from {}", reference);
    sources.push_back({.config = std::move(config), .layers = std::move(record->layers)});
  }
  return sources;
}

std::optional<CacheMatch> CacheMatch::begin(const CacheSource& source, const std::vector<oci::History>& history,
                                            const std::vector<ImageLayer>& layers) {
  const auto& theirs = source.config.history;
  const bool same_steps = theirs.size() >= history.size() &&
                          std::equal(history.begin(), history.end(), theirs.begin(),
                                     [](auto& a, auto& b) { return a.created_by == b.created_by && a.empty_layer == b.empty_layer; });
  const bool same_layers =
      source.layers.size() >= layers.size() && std::equal(layers.begin(), layers.end(), source.layers.begin(),
                                                          [](const ImageLayer& a, const ImageLayer& b) { return a.diff_id == b.diff_id; });
  if (!same_steps || !same_layers) return std::nullopt;
  return CacheMatch(source, history.size(), layers.size());
}

std::optional<KnownStep> CacheMatch::next(const std::string& comment) const {
  const auto& history = source_->config.history;
  if (step_ >= history.size() || history[step_].created_by != comment) return std::nullopt;
  KnownStep known{.key = {}, .comment = comment, .created = history[step_].created, .layer = {}};
  if (history[step_].empty_layer) return known;
  if (layer_ >= source_->layers.size()) return std::nullopt;
  known.layer = source_->layers[layer_];
  return known;
}

bool CacheMatch::advance(const std::string& comment, const std::optional<ImageLayer>& layer) {
  const auto known = next(comment);
  if (!known || known->layer.has_value() != layer.has_value()) return false;
  if (layer && known->layer->diff_id != layer->diff_id) return false;
  ++step_;
  if (layer) ++layer_;
  return true;
}

}  // namespace fulcrum::image::build
