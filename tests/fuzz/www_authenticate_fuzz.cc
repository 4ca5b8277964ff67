// What a registry may put into a WWW-Authenticate field, and the address that its realm may hold.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "image/registry/challenge.h"
#include "image/registry/url.h"

namespace registry = fulcrum::image::registry;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto challenges = registry::parse_challenges(text);
  FULCRUM_ASSERT(challenges.size() <= 16);
  for (const auto& challenge : challenges) {
    FULCRUM_ASSERT(!challenge.scheme.empty() && challenge.parameters.size() <= 16);
    FULCRUM_ASSERT(std::none_of(challenge.scheme.begin(), challenge.scheme.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
    FULCRUM_ASSERT(challenge.token68.empty() || challenge.parameters.empty());
    const auto url = registry::Url::parse(challenge.parameter("realm"));
    if (!url) continue;
    FULCRUM_ASSERT(url->scheme == "http" || url->scheme == "https");
    FULCRUM_ASSERT(!url->host.empty() && url->port != 0);
    const auto again = registry::Url::parse(url->text);
    FULCRUM_ASSERT(again && again->same_origin(*url));
  }
  return 0;
}
