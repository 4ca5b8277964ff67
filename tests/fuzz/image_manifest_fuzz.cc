// Manifests, indexes, configs and docker-archive manifests: no text may crash a parser, and what was parsed must survive being written.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/oci/image_spec.h"

namespace {

using namespace fulcrum;  // NOLINT: a test program

template <class T>
void check(const Result<T>& parsed, Result<T> (*parse)(std::string_view)) {
  if (!parsed) return;
  const auto text = oci::to_json(*parsed);
  const auto again = parse(text);
  if (!again || oci::to_json(*again) != text) std::abort();  // an empty health check is not written, so values may differ once
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(oci::parse_manifest(text), oci::parse_manifest);
  check(oci::parse_image_config(text), oci::parse_image_config);
  check(oci::parse_archive_manifest(text), oci::parse_archive_manifest);
  const auto index = oci::parse_index(text);
  check(index, oci::parse_index);
  if (index) static_cast<void>(oci::select_platform(*index, oci::host_platform()));
  static_cast<void>(oci::detect_media_type(text));
  static_cast<void>(oci::parse_platform(text));
  return 0;
}
