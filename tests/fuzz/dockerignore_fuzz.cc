// .dockerignore: the last line is a path, those before it are patterns. What Go's matcher takes, a rule of that one pattern takes too.
#include <cstdint>
#include <string>

#include "image/build/go_text.h"
#include "image/build/ignore.h"

using namespace fulcrum::image::build;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto last = text.rfind('\n');
  const auto path = clean_path(text.substr(last + 1));
  const auto patterns = read_ignore_file(last == std::string_view::npos ? "" : text.substr(0, last));
  const auto rules = IgnoreRules::create(patterns);
  if (!rules) return 0;
  const bool excluded = rules->excludes(path);
  FULCRUM_ASSERT(!excluded || !rules->empty());
  for (const auto& pattern : patterns) {
    const auto matches = match_name(pattern, path);
    const bool plain =
        matches && pattern[0] != '!' && pattern == clean_path(trim_space(pattern)) && pattern.find("**") == std::string::npos;
    if (plain && *matches && path != ".") FULCRUM_ASSERT(IgnoreRules::create({pattern})->excludes(path));
  }
  return 0;
}
