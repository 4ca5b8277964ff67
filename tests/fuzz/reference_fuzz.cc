// Image references: whatever parses has one canonical and one familiar spelling, and both mean the same.
#include <cstdint>
#include <string_view>

#include "image/reference.h"

using fulcrum::image::Reference;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = Reference::parse(text);
  if (!parsed) {
    for (const char c : parsed.error().message) FULCRUM_ASSERT(static_cast<unsigned char>(c) >= 0x20);
    return 0;
  }
  FULCRUM_ASSERT(fulcrum::image::is_domain(parsed->domain) && fulcrum::image::is_repository_path(parsed->path));
  FULCRUM_ASSERT(parsed->tag.empty() ? !parsed->digest.empty() : fulcrum::image::is_tag(parsed->tag));
  FULCRUM_ASSERT(parsed->digest.empty() || fulcrum::image::is_digest(parsed->digest.str()));
  const auto canonical = Reference::parse(parsed->str());
  const auto familiar = Reference::parse(parsed->familiar());
  FULCRUM_ASSERT(canonical && *canonical == *parsed);
  FULCRUM_ASSERT(familiar && *familiar == *parsed);
  return 0;
}
