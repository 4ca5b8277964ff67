// Dockerfile instructions of `--change`: nothing may crash.
#include <cstdint>
#include <string_view>

#include "image/config_changes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fulcrum::oci::ImageRunConfig config;
  static_cast<void>(fulcrum::image::apply_change(config, std::string_view(reinterpret_cast<const char*>(data), size)));
  return 0;
}
