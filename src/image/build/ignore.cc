#include "image/build/ignore.h"

#include "image/build/go_text.h"

namespace fulcrum::image::build {

Result<bool> match_name(std::string_view pattern, std::string_view name) { return TRY(Glob::compile(pattern)).matches(name); }

std::vector<std::string> read_ignore_file(std::string_view text) {
  std::vector<std::string> out;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('#')) continue;
    line = trim_space(line);
    if (line.empty()) continue;
    const bool exception = line[0] == '!';
    if (exception) line = trim_space(line.substr(1));
    std::string pattern = line.empty() ? "" : clean_path(line);
    if (pattern.size() > 1 && pattern[0] == '/') pattern.erase(0, 1);
    out.push_back((exception ? "!" : "") + pattern);
  }
  return out;
}

Result<IgnoreRules> IgnoreRules::create(const std::vector<std::string>& patterns) {
  IgnoreRules out;
  if (patterns.size() > 10000) return fail(Code::invalid_argument, "more than 10000 patterns to ignore");
  for (const auto& given : patterns) {
    const auto trimmed = trim_space(given);
    if (trimmed.empty()) continue;
    auto text = clean_path(trimmed);
    const bool exception = text[0] == '!';
    if (exception) {
      if (text.size() == 1) return fail(Code::invalid_argument, "illegal exclusion pattern: \"!\"");
      text.erase(0, 1);
      out.has_exceptions_ = true;
    }
    out.patterns_.push_back({TRY(Glob::compile_deep(text), "pattern {}", go_quote(text.substr(0, 256))), exception});
  }
  return out;
}

bool IgnoreRules::Pattern::matches(std::string_view path) const {
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    if (glob.matches(path.substr(0, slash))) return true;
  return glob.matches(path);
}

bool IgnoreRules::excludes(std::string_view path) const {
  const auto cleaned = clean_path(path);
  if (cleaned == ".") return false;
  bool excluded = false;
  for (const auto& pattern : patterns_)
    if (pattern.exception == excluded && pattern.matches(cleaned)) excluded = !excluded;
  return excluded;
}

std::vector<std::string> ignore_file_names(std::string_view dockerfile) {
  return {std::string(dockerfile) + ".dockerignore", ".dockerignore"};
}

}  // namespace fulcrum::image::build
