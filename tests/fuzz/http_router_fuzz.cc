// Paths and queries: decoding never crashes, and what is encoded decodes to itself.
#include <cstdint>
#include <string_view>

#include "http/message.h"
#include "http/router.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fulcrum;
  const std::string_view data(reinterpret_cast<const char*>(bytes), size);
  static const http::Router router = [] {
    http::Router made;
    const http::Handler none = [](http::Request&, http::ResponseWriter&) { return Result<>(); };
    made.accept_version_prefix(true);
    for (const auto* pattern : {"/", "/a", "/a/{x}", "/a/{x}/{y}", "/a/{x...}/json", "/b/{x...}", "/b/c/{x...}/d"})
      made.add("GET", pattern, none);
    return made;
  }();
  const auto match = router.find("GET", data);
  if (match && match->route != nullptr)
    for (const auto& [name, value] : match->params) FULCRUM_ASSERT(!value.empty() && value.find('\0') == std::string::npos);
  if (const auto query = http::Query::parse(data)) {
    const auto again = http::Query::parse(query->encode());
    FULCRUM_ASSERT(again && again->values() == query->values());
    for (const auto& [name, value] : query->values()) {
      [[maybe_unused]] const auto boolean = query->boolean(name, false);
      [[maybe_unused]] const auto integer = query->integer(name, 0, -5, 5);
    }
  }
  const auto quoted = http::json_quote(data);
  for (const char c : quoted) FULCRUM_ASSERT(static_cast<unsigned char>(c) >= 0x20);
  if (data.find('\0') == std::string_view::npos) FULCRUM_ASSERT(http::percent_decode(http::percent_encode(data)) == std::string(data));
  return 0;
}
