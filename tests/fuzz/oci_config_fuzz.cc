// config.json: whatever is decoded can be validated and written, and what was written reads back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "api/oci/runtime_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fulcrum;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto spec = oci::parse_spec(text)) {
    if (const auto valid = oci::validate(*spec); !valid && valid.error().code != Code::invalid_argument) std::abort();
    const auto once = oci::to_json(*spec);
    const auto again = oci::parse_spec(once);
    if (!again || oci::to_json(*again) != once) std::abort();
  }
  if (const auto process = oci::parse_process(text)) (void)oci::validate(*process);
  if (const auto resources = oci::parse_resources(text)) (void)oci::validate(*resources);
  (void)oci::parse_seccomp(text);
  return 0;
}
