#include "os/cgroup_files.h"

#include <dirent.h>

#include <cerrno>
#include <charconv>
#include <memory>

#include "base/sys.h"

namespace fulcrum::cgroup_files {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> out;
  while (true) {
    const auto start = text.find_first_not_of(separators);
    if (start == std::string_view::npos) return out;
    text.remove_prefix(start);
    const auto end = std::min(text.find_first_of(separators), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

/// Names of the folders in a folder; none when it is gone.
Result<std::vector<std::string>> subfolders(const std::string& path) {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, Close> dir(::opendir(path.c_str()));
  std::vector<std::string> out;
  if (!dir) {
    if (errno == ENOENT || errno == ENODEV) return out;
    return fail_errno(errno, "list {}", path);
  }
  while (const auto* entry = ::readdir(dir.get())) {
    const std::string_view name(entry->d_name);
    if (entry->d_type == DT_DIR && name != "." && name != "..") out.emplace_back(name);
  }
  return out;
}

}  // namespace

Result<std::string> read_trimmed(const std::string& path) {
  auto text = TRY(sys::read_file(path, kMaxFile));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::vector<std::string_view> words(std::string_view text) { return split(text, " \n\t"); }
std::vector<std::string_view> lines(std::string_view text) { return split(text, "\n"); }

bool contains_word(std::string_view text, std::string_view word) {
  for (const auto w : words(text)) {
    if (w == word) return true;
  }
  return false;
}

std::optional<std::uint64_t> number(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

std::optional<std::uint64_t> read_number(const std::string& path) {
  const auto text = sys::read_file(path, kMaxFile);
  return text ? number(*text) : std::nullopt;
}

std::optional<std::uint64_t> value_of(std::string_view text, std::string_view key) {
  for (const auto line : lines(text)) {
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') return number(line.substr(key.size() + 1));
  }
  return std::nullopt;
}

Result<> walk(const std::string& top, const std::function<Result<>(const std::string&)>& visit) {
  // Parents first into the list, then backwards: no recursion, whatever depth a container made.
  std::vector<std::string> all{top};
  for (std::size_t i = 0; i < all.size(); ++i) {
    constexpr std::size_t kMaxCgroups = 100'000;
    if (all.size() > kMaxCgroups) return fail(Code::resource_exhausted, "more than {} cgroups below {}", kMaxCgroups, top);
    for (const auto& name : TRY(subfolders(all[i]))) all.push_back(all[i] + "/" + name);
  }
  for (auto at = all.rbegin(); at != all.rend(); ++at) TRY(visit(*at));
  return {};
}

}  // namespace fulcrum::cgroup_files
