// Images as cache: what their history says of the steps that made them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"
#include "image/image_store.h"

namespace fulcrum::image::build {

/// A step whose result is known.
struct KnownStep {
  std::string key;  ///< in the build cache's index; empty: an image's history says it
  std::string comment;
  std::string created;
  std::optional<ImageLayer> layer;  ///< unset: the step changed no file
};

/// One image of --cache-from.
struct CacheSource {
  oci::ImageConfig config;
  std::vector<ImageLayer> layers;  ///< lowest first
};

/// The images of these that are there.
[[nodiscard]] Result<std::vector<CacheSource>> open_cache_sources(const ImageStore& store, const std::vector<std::string>& references);

/// How far a stage has gone along one image's history. Ends when they part.
class CacheMatch {
 public:
  /// Begins where a stage begins: with this history and these layers. Nothing when the image did not begin so.
  static std::optional<CacheMatch> begin(const CacheSource& source, const std::vector<oci::History>& history,
                                         const std::vector<ImageLayer>& layers);
  /// What the image has for a step of this comment, when that was its next one.
  std::optional<KnownStep> next(const std::string& comment) const;
  /// Goes on; false when the step taken was another one.
  bool advance(const std::string& comment, const std::optional<ImageLayer>& layer);

 private:
  CacheMatch(const CacheSource& source, std::size_t step, std::size_t layer) : source_(&source), step_(step), layer_(layer) {}
  const CacheSource* source_;
  std::size_t step_;
  std::size_t layer_;
};

}  // namespace fulcrum::image::build
