// The workload file: any bytes are refused with a message or become specs that travel unchanged.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/workload/codec.h"
#include "api/workload/short_forms.h"

using namespace fulcrum;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto specs = api::parse_workload_file(text)) {
    for (const auto& spec : *specs) {
      const auto again = api::from_json<api::WorkloadSpec>(api::to_json(spec));
      if (!again || *again != spec) std::abort();
    }
  }
  if (const auto port = api::parse_port(text)) {
    const auto again = api::parse_port(api::format_port(*port));
    if (!again || *again != *port) std::abort();
  }
  (void)api::parse_volume(text);
  (void)api::parse_mount(text);
  (void)api::parse_tmpfs(text);
  (void)api::parse_network_attachment(text);
  (void)api::from_stored<api::Workload>(text);
  return 0;
}
