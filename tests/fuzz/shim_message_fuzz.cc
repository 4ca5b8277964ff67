// What arrives at a shim's socket, and what a client sends in frames.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sandbox/shim/message.h"
#include "sandbox/stream/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fulcrum::sandbox;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto request = shim::decode_request(bytes)) {
    const auto again = shim::decode_request(shim::encode(*request));
    if (!again || !(*again == *request)) std::abort();
  }
  (void)shim::decode_reply(bytes);
  FrameReader reader;
  auto rest = bytes;
  std::size_t taken = 0;
  while (!rest.empty()) {
    const auto item = reader.next(rest);
    taken += item.bytes.size();
    if (item.kind == FrameReader::Item::Kind::broken) break;
  }
  if (taken > size) std::abort();
  return 0;
}
