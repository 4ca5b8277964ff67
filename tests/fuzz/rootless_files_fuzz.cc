// What a rootless engine reads of files and programs that are not its own: subordinate ids, passwd, pins, slirp4netns's answers.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "network/host_forwards.h"
#include "os/rootless.h"
#include "os/subid.h"
#include "os/user_namespace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fulcrum;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto map = os::map_for_user(1000, os::parse_subids(text, "ann", 1000));
  FULCRUM_ASSERT(os::mapped_ids(map) <= 4294967295u && map.size() <= os::kMaxSubidRanges + 1);
  (void)os::user_name(text, 1000);
  if (const auto pin = os::parse_pin(text)) FULCRUM_ASSERT(os::parse_pin(os::format_pin(*pin)) == *pin);
  (void)os::count_ids(text);
  (void)network::parse_forwards(text);
  return 0;
}
