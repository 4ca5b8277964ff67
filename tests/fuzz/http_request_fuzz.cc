// Bytes into the server's parsing path: header, body, then the next request of the connection, fed in pieces.
#include <cstdint>
#include <string_view>

#include "http/parser.h"
#include "http/router.h"

namespace {

using namespace fulcrum;

/// Parses one message offered `piece` bytes more at a time; returns how many bytes it took, or the size when it is not complete.
std::size_t parse_one(http::Parser& parser, std::string_view data, std::size_t piece) {
  std::size_t used = 0;
  std::size_t offered = 0;
  while (!parser.header_done()) {
    if (offered == data.size()) return data.size();
    offered = std::min(data.size(), offered + piece);
    const auto taken = parser.feed_header(data.substr(used, offered - used));
    if (!taken) return data.size();
    FULCRUM_ASSERT(*taken <= offered - used);
    used += *taken;
  }
  char out[61];
  while (!parser.done()) {
    const auto step = parser.feed_body(data.substr(used, offered - used), out, sizeof out);
    if (!step) return data.size();
    FULCRUM_ASSERT(step->taken <= offered - used && step->produced <= sizeof out);
    used += step->taken;
    if (step->taken > 0 || step->produced > 0) continue;
    if (offered == data.size()) {
      [[maybe_unused]] const auto ended = parser.feed_end();
      return data.size();
    }
    offered = std::min(data.size(), offered + piece);
  }
  return used;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = bytes[0] + 1u;
  const bool response = (bytes[1] & 1) != 0;
  std::string_view data(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  static const http::Router router = [] {
    http::Router made;
    const http::Handler none = [](http::Request&, http::ResponseWriter&) { return Result<>(); };
    made.accept_version_prefix(true);
    for (const auto* pattern : {"/a/{x}", "/a/{x}/{y}", "/a/{x...}/json", "/{x...}"}) made.add("GET", pattern, none);
    return made;
  }();
  for (int messages = 0; !data.empty() && messages < 16; ++messages) {
    const http::ParserLimits limits{.max_header = 4096, .max_fields = 16};
    const auto parser = response ? http::make_response_parser(limits, (bytes[1] & 2) != 0) : http::make_request_parser(limits);
    const auto used = parse_one(*parser, data, piece);
    if (!response && parser->header_done()) {
      const std::string_view target = parser->head().target;
      [[maybe_unused]] const auto match = router.find(parser->head().method, target.substr(0, target.find('?')));
      const auto mark = target.find('?');
      if (mark != std::string_view::npos) [[maybe_unused]]
        const auto query = http::Query::parse(target.substr(mark + 1));
    }
    if (used == 0) break;
    data.remove_prefix(used);
  }
  return 0;
}
