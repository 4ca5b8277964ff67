// Dockerfile instructions of `--change`: nothing may crash.
#include <cstdint>
#include <string>
#include <vector>

#include "image/build/image_config_edit.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fulcrum::oci::ImageRunConfig config;
  const std::vector<std::string> changes = {std::string(reinterpret_cast<const char*>(data), size)};
  static_cast<void>(fulcrum::image::build::apply_changes(config, changes));
  return 0;
}
